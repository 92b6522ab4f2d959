"""Import this before timm: it restricts torch to AVX2, and lets torchvision import with a CPU-only torch."""

from sweep.models._torchvision import make_importable
from sweep.utils.cpu_isa import pin

pin()
make_importable()

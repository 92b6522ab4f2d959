"""Import this before timm: torch keeps to AVX2, and torchvision imports beside a CPU-only torch."""

from sweep.models._torchvision import make_importable
from sweep.utils.cpu_isa import pin

pin()
make_importable()

"""A row of the table of optima."""

from search_spaces import Found

ROW = Found(
    model="vit_p_1mf",
    optimizer="adamw",
    recipe="digits",
    lr=0.005,
    weight_decay=0.05,
    batch=64,
    epochs=25,
    data="0123456789abcdef",
    top1_err=4.5,
    standard_error=0.3,
    seeds=3,
    trials=40,
    lr_low=1e-4,
    lr_high=0.1,
    wd_low=1e-3,
    wd_high=2.0,
    search="tune-x",
    command="sweep tune -m vit_p_1mf",
    versions="torch 2.13",
    found="2026-11-24",
)

"""Models: one file each, torch alone. Drop a file in and it can be swept.

A model file `models/<name>.py` holds one class `Model(nn.Module)`. Its name in a sweep file is the file's name, and
`model.<argument>` is a keyword argument of its `__init__`. Files that start with `_` are shared by the models and
can't be swept themselves.

Shapes, in every comment and docstring here:

    B   batch: windows at once
    T   time steps: points of the window
    C   channels: value columns of the series
    D   d_model: width inside the model
    H   heads of the queries
    K   kv heads: heads of the keys and values, each shared by H / K heads of the queries
    V   vocab: rows of a codebook
    E   head size: D / H

To add a model, write one file, and nothing else anywhere:

    from typing import ClassVar

    from torch import Tensor, nn

    from ._layers import initialize


    class Model(nn.Module):
        '''One line that `raysweep models` shows.'''

        is_align_target: ClassVar[bool] = True
        requirements: ClassVar[tuple[str, ...]] = ("d_model >= 1",)

        def __init__(self, *, d_model: int = 64, num_channels: int = 1) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(num_channels, d_model), nn.Tanh(), nn.Linear(d_model, num_channels))
            initialize(self)

        def forward(self, values: Tensor) -> Tensor:
            '''Forecast the next point at every step: (B, T, C) to (B, T, C).'''
            forecast: Tensor = self.layers(values)
            return forecast

- Arguments are keywords with a default, annotated `bool`, `int`, `float`, `str` or `Literal[...]`. `num_channels` is
  given by the training and can't be swept.
- `forward` maps (B, T, C) to (B, T, C): at each step the forecast of the next point, for any window T.
- `is_align_target` says whether the loss is taken over all steps by default; then no step may see a later one.
- `requirements` are rules over the arguments, checked before a sweep starts. They may use numbers, texts,
  arguments, arithmetic, comparisons, `and`, `or`, `not`.
- `__init__` sets the start values itself; the random seed is set for it from outside.
- Files here are imported relatively (`from ._layers import ...`). They are read as text and run from memory, so this
  `__init__.py` is never executed.

`tests/models/test_contract.py` tests every file here against these rules.
"""

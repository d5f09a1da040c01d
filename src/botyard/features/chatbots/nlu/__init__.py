"""Learning what people mean: training, the model that comes of it, and asking it.

A library: no database, no HTTP, no jobs. `types`, `errors`, `process` and `encoders` are light to import; `model`
needs numpy; `train` and what only it imports need scikit-learn and run in a child process (`process.train_apart`).
"""

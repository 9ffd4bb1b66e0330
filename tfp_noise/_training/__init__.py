"""Parts of every `fit`: checks of its input, replicas and workers, callbacks, resumption."""

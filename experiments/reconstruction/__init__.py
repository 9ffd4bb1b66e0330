"""A reconstruction of the authors' training with the Logistic-Normal likelihood, by TFP and Keras 2, beside ours."""

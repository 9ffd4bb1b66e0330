"""The authors' training with the Logistic-Normal likelihood, put together from TFP and Keras 2, beside ours."""

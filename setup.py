"""Packaging: the wheel holds the library only; `models` and `experiments` run from the checkout."""

import pathlib

from setuptools import find_packages, setup

_DATA = ["tensorflow-datasets>=4.9.10,<4.10"]  # prepare.py replaces its (private) download manager
_FIGURES = ["matplotlib>=3.9"]
_EXPERIMENTS = [*_DATA, *_FIGURES, "rich>=13.0"]  # commands of the checkout, which the wheel does not hold
_SEARCH = ["keras-tuner>=1.4.8,<1.5"]
_ONNX = ["onnx>=1.15", "onnxruntime>=1.20", "tf2onnx>=1.17"]
# jupytext makes notebooks of scripts, ipykernel runs them, nbconvert writes pages; one example reads the penguins.
_EXAMPLES = ["ipykernel>=7.0", "jupytext>=1.17", "nbconvert>=7.16", "palmerpenguins>=0.1.6", "pandas>=2.2", *_FIGURES]
_DOCS = ["furo>=2025.12", "latex2mathml>=3.81", "myst-parser>=5.2", "sphinx>=9,<10"]
_ALL = [*_EXPERIMENTS, *_SEARCH, *_ONNX]

setup(
    name="tfp-noise",
    version="0.1.0",
    description="Training with noisy labels for Keras 3 and TensorFlow Probability",
    long_description=pathlib.Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    author="The tfp_noise maintainers",
    keywords="label noise, noisy labels, label smoothing, logistic-normal, keras, tensorflow-probability",
    packages=find_packages(include=["tfp_noise", "tfp_noise.*"]),
    package_data={"tfp_noise": ["py.typed"], "tfp_noise.audit": ["report.html.jinja"]},
    python_requires=">=3.11,<3.14",  # Keras 3.15 needs 3.11, TensorFlow 2.21 ends at 3.13
    install_requires=[
        "absl-py>=2.0",
        "filelock>=4.3,<5",
        "h5py>=3.11",
        "jinja2>=3.1",
        "keras>=3.15,<3.16",  # the classifier overrides hooks of Keras's trainer, checked against 3.15
        "numpy>=1.26,<2.4",  # 2.4 drops np.reshape(newshape=), which tfb.SoftmaxCentered calls
        "pillow>=10.0",  # how a camera was held; TensorFlow decodes the images
        "scikit-learn>=1.6",
        "scipy>=1.13",
        "tensorflow>=2.21,<2.22",
        "tensorflow-probability>=0.25,<0.26",
        "tf-keras>=2.21,<2.22",  # TensorFlow Probability imports it
        "threadpoolctl>=3.1",  # scikit-learn's own way to limit its threads
    ],
    extras_require={
        "data": _DATA,
        "figures": _FIGURES,
        "experiments": _EXPERIMENTS,
        "search": _SEARCH,
        "onnx": _ONNX,
        "examples": _EXAMPLES,
        "docs": _DOCS,
        "all": _ALL,
        # Other backends of Keras, for the losses without state; see docs/training_loops.md.
        "jax": ["jax>=0.10"],
        "torch": ["torch>=2.13"],
        # pandas: its tables are taken where there are any; `Suspects.to_frame` makes one.
        "dev": [
            "mypy>=1.18",
            "pytest>=8.0",
            "pytest-xdist>=3.7",
            "ruff>=0.14",
            "tensorboard>=2.20",
            *_ALL,
            *_DOCS,
            *_EXAMPLES,
        ],
    },
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Typing :: Typed",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)

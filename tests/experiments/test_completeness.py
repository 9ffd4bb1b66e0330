"""Every experiment that some file declares can be run by its name, and every network is there for one."""

import importlib
import pkgutil

import pytest

import experiments
import models
from experiments import papers
from experiments.experiment import Experiment

MODULES = [module.name for module in pkgutil.walk_packages(experiments.__path__, "experiments.")]
# Networks that no experiment trains, and why they are there.
OF_NO_EXPERIMENT = {
    "resnet8": "the bench, and tests: the smallest of its family",
    "resnet20": "the smallest that the family's paper has",
}


@pytest.mark.parametrize("module", MODULES)
def test_every_list_of_experiments_is_in_the_registry(module):
    for name, value in vars(importlib.import_module(module)).items():
        declared = [one for one in value if isinstance(one, Experiment)] if isinstance(value, (list, tuple)) else []
        lost = [one.name for one in declared if papers.EXPERIMENTS.get(one.name) != one]
        assert not lost, f"add {module}.{name} to the experiments of its paper"


def test_names_are_of_one_experiment_each():
    assert len(papers.EXPERIMENTS) == len(papers._ALL)


def test_every_network_is_trained_by_an_experiment():
    trained = {experiment.model for experiment in papers.EXPERIMENTS.values()}
    assert set(models.names()) - trained == set(OF_NO_EXPERIMENT)

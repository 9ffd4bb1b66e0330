"""Checks of arguments: every message names the argument, the expectation, the value received, and the likely cure."""

from tfp_noise._validation.arrays import (
    as_numbers,
    check_columns,
    check_dense,
    check_features,
    check_finite,
    check_one_order,
    check_unit_features,
)
from tfp_noise._validation.labels import (
    as_label_array,
    check_distribution_rows,
    check_distributions,
    check_flags,
    check_ids,
    check_indices,
    check_labels,
    check_targets,
    row_chunks,
)
from tfp_noise._validation.matrices import (
    ILL_CONDITIONED,
    check_matrix,
    check_transition,
    warn_if_uninformative,
    warn_of_no_labels,
)
from tfp_noise._validation.memory import check_fits_ram
from tfp_noise._validation.multi_labels import check_multi_labels
from tfp_noise._validation.numbers import check_batch_size, check_bool, check_int, check_number, check_seed, check_top
from tfp_noise._validation.objects import (
    check_callable,
    check_choice,
    check_class_names,
    check_instance,
    check_location,
    check_path,
)
from tfp_noise._validation.wording import counted, with_article

__all__ = [
    "ILL_CONDITIONED",
    "as_label_array",
    "as_numbers",
    "check_batch_size",
    "check_bool",
    "check_callable",
    "check_choice",
    "check_class_names",
    "check_columns",
    "check_dense",
    "check_distribution_rows",
    "check_distributions",
    "check_features",
    "check_finite",
    "check_fits_ram",
    "check_flags",
    "check_ids",
    "check_indices",
    "check_instance",
    "check_int",
    "check_labels",
    "check_location",
    "check_matrix",
    "check_multi_labels",
    "check_number",
    "check_one_order",
    "check_path",
    "check_seed",
    "check_targets",
    "check_top",
    "check_transition",
    "check_unit_features",
    "counted",
    "row_chunks",
    "warn_if_uninformative",
    "warn_of_no_labels",
    "with_article",
]

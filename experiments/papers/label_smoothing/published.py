"""Clean test accuracy in percent as the paper prints it: mean and, but for Table 2, standard deviation of five seeds.

The numbers of Table 3 fit together if exactly 20 % of the labels were wrong; the paper's text draws them anew from all
classes, which makes 19.8 % of CIFAR-100's wrong, and so it is here.
"""

from experiments.papers.table_text import parse

# ImageNet; no deviation is given.
TABLE_2 = parse("""
- imagenet-resnet50v2
CE 70.86
LS0.1 71.12
LS0.2 71.55
LS0.4 70.95
LS0.6 70.59
FC0.1 73.04
FC0.2 73.17
FC0.4 73.35
FC0.6 72.92
""")
# Distillation: which of teacher and student had the method.
TABLE_5 = parse("""
- cifar100-resnet32 cifar100-resnet56 cifar10-resnet32 cifar10-resnet56
vanilla 63.98±0.26 64.31±0.26 80.44±0.64 77.98±0.25
LS-teacher 64.48±0.25 65.63±0.24 86.95±1.82 87.10±1.66
LS-student 63.83±0.28 64.50±0.32 85.72±2.61 86.98±1.71
FC-teacher 66.65±0.18 66.35±0.20 86.81±1.86 86.88±1.80
FC-student 63.94±0.34 64.24±0.26 86.92±2.11 86.82±1.76
""")
# Supplement, alpha = 0.1.
TABLE_8 = parse("""
- cifar100-resnet32 cifar100-resnet56 cifar10-resnet32 cifar10-resnet56
CE 57.06±0.38 54.93±0.37 80.44±0.63 77.98±0.24
LS0.1 60.70±0.28 59.04±0.53 83.95±0.18 80.98±0.48
FC0.1 61.29±0.38 60.00±0.31 80.78±0.42 79.66±0.26
BC0.1 53.91±0.40 52.25±0.51 77.23±0.72 77.32±0.35
FC-Patrini 57.25±0.24 55.09±0.39 80.33±0.29 77.97±0.45
BC-Patrini 55.89±0.33 55.00±0.13 80.65±0.59 77.66±0.44
""")

# By heading of our table and family: one run of ResNet-32 on CIFAR-100, at alpha.
TABLES_3_AND_4 = {
    ("train", "LS"): {0.0: 77.39, 0.1: 80.11, 0.2: 81.22},
    ("clean part", "LS"): {0.0: 86.75, 0.1: 87.99, 0.2: 88.27},
    ("noisy: true", "LS"): {0.0: 39.92, 0.1: 48.58, 0.2: 53.01},
    ("noisy: fit", "LS"): {0.0: 17.88, 0.1: 12.27, 0.2: 8.32},
    ("ECE 100", "LS"): {0.0: 0.111, 0.1: 0.108, 0.2: 0.156},
    ("ECE 100", "FC"): {0.0: 0.111, 0.1: 0.153, 0.2: 0.165},
    ("ECE 100", "BC"): {0.0: 0.111, 0.1: 0.214, 0.2: 0.266},
}

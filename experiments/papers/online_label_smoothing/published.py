"""Accuracies in percent, where the paper prints errors: mean and standard deviation of three runs.

Calibration errors (Table XI) stay in percent, as mean average precisions (Table X) do, and divergences (Table XII) in
nats. `LEFT_OUT` says which numbers no experiment stands beside, and why.
"""

from experiments.papers.table_text import parse


def _accuracies(text):
    """The numbers of a table of errors, as accuracies."""
    return {
        column: {row: cell and (round(100 - cell[0], 2), cell[1]) for row, cell in cells.items()}
        for column, cells in parse(text).items()
    }


# Table II, CIFAR-100.
TABLE_2 = _accuracies("""
- resnet34 resnet50_small resnet101_small resnext29_2x64d resnext29_32x4d
CE 20.62±0.21 21.21±0.25 20.34±0.40 20.92±0.52 20.85±0.17
Bootsoft 21.65±0.13 21.25±0.67 20.37±0.07 21.20±0.13 20.86±0.24
Boothard 22.58±0.02 20.81±0.13 21.46±0.22 21.00±0.10 21.47±0.59
Disturb 20.91±0.30 22.12±0.51 20.99±0.12 21.64±0.24 21.69±0.06
SCE 22.86±0.08 22.12±0.11 22.60±0.64 23.07±0.28 22.96±0.09
LS 20.94±0.08 21.20±0.25 20.12±0.02 20.34±0.24 19.56±0.18
PC 22.91±0.04 23.09±0.53 22.73±0.39 21.55±0.11 21.74±0.04
Xu 22.65±0.09 22.05±0.43 21.70±0.77 22.81±0.08 23.14±0.04
OLS 20.04±0.11 20.65±0.14 19.66±0.15 18.81±0.45 18.79±0.20
BYOT 20.41±0.10 19.20±0.30 18.51±0.49 19.69±0.12 20.33±0.19
BYOT-OLS 19.44±0.09 18.15±0.21 18.14±0.08 18.29±0.20 19.25±0.29
""")
# Table III, ResNet-56 on CIFAR-100: a column for each number of models.
TABLE_3 = _accuracies("""
- 1 6 10 15 20
CE 26.41 26.07 25.93 25.87 25.88
LS 26.37 25.30 25.11 24.97 24.96
OLS 25.27 24.52 24.22 24.10 23.91
""")
# Table IV, ImageNet, one run: the most probable class, and the five most probable. The first four rows are quoted there
# from Yuan et al.: their cross-entropy, label smoothing, Tf-KD_self (a network that learns from itself, trained before)
# and Tf-KD_reg (from a virtual teacher), which is called Tf-KD here, as it is in Table VI.
TABLE_4 = {
    "resnet50": _accuracies("""
- top1 top5
CE-Yuan 24.23 -
LS-Yuan 23.62 -
Tf-KD-self 23.59 -
Tf-KD 23.58 -
CE 23.68 7.05
Bootsoft 23.49 6.85
Boothard 23.85 7.07
LS 22.82 6.66
Cutout 22.93 6.66
Disturb 23.59 6.90
BYOT 23.04 6.51
OLS 22.28 6.39
OLS-Cutout 21.98 6.18
BYOT-OLS 21.88 6.27
"""),
    "resnet101": _accuracies("""
- top1 top5
CE 21.87 6.29
LS 21.27 5.85
Cutout 20.72 5.51
OLS 20.85 5.50
LS-Cutout 20.47 5.51
OLS-Cutout 20.25 5.42
"""),
}
# Table V: classes, and images to train and to test on. The publisher of the aircraft has 100 variants, not 90.
TABLE_5 = parse("""
- classes train test
cub 200 5994 5794
flowers 102 2040 6149
cars 196 8144 8041
aircraft 90 6667 3333
""")
# Table VI: for each method the most probable class, and the five most probable.
TABLE_6 = {
    "resnet50": _accuracies("""
- cub flowers cars aircraft
CE 19.19±0.22 9.31±0.19 9.58±0.19 11.88±0.11
CE-top5 5.00±0.25 2.43±0.14 1.79±0.01 3.86±0.13
LS 18.11±0.14 7.58±0.07 8.32±0.09 9.92±0.07
LS-top5 4.88±0.08 1.93±0.03 1.57±0.03 3.73±0.12
Tf-KD 19.04±0.23 8.70±0.45 8.65±0.16 10.55±0.22
Tf-KD-top5 4.92±0.16 2.46±0.09 1.46±0.10 3.34±0.21
OLS 17.53±0.09 7.14±0.14 7.46±0.01 9.19±0.12
OLS-top5 4.01±0.27 1.55±0.07 0.92±0.04 2.60±0.03
"""),
    "mobilenet_v2": _accuracies("""
- cub flowers cars aircraft
CE 22.24±0.33 8.97±0.09 11.71±0.13 13.16±0.33
CE-top5 6.61±0.21 2.51±0.19 2.29±0.12 4.15±0.19
LS 21.33±0.29 8.06±0.35 10.17±0.07 12.05±0.29
LS-top5 7.05±0.09 2.46±0.08 2.33±0.05 4.08±0.17
Tf-KD 22.36±0.27 8.05±0.14 10.57±0.09 11.95±0.27
Tf-KD-top5 6.41±1.47 2.23±0.13 2.14±0.04 4.04±0.10
OLS 20.05±0.11 7.27±0.17 9.25±0.05 10.53±0.25
OLS-top5 5.08±0.12 1.77±0.10 1.33±0.02 2.96±0.15
"""),
    "efficientnet_b7": _accuracies("""
- cub flowers cars aircraft
CE 18.44±0.15 9.50±0.07 9.24±0.22 11.61±0.37
CE-top5 5.07±0.13 2.04±0.07 1.84±0.13 3.72±0.20
LS 17.40±0.14 9.42±0.34 8.42±0.08 9.60±0.15
LS-top5 5.02±0.03 2.34±0.13 1.76±0.07 3.62±0.13
Tf-KD 20.24±0.09 8.58±0.37 9.52±0.01 9.45±0.49
Tf-KD-top5 6.33±0.21 2.07±0.10 1.64±0.01 2.01±0.04
OLS 16.21±0.24 8.16±0.12 7.53±0.13 8.83±0.19
OLS-top5 3.34±0.02 1.63±0.15 0.97±0.02 2.71±0.12
"""),
    "san15": _accuracies("""
- cub flowers cars aircraft
CE 19.05±0.39 7.85±0.29 9.23±0.07 11.31±0.13
CE-top5 5.37±0.25 1.78±0.21 1.78±0.02 3.79±0.08
LS 17.54±0.30 8.08±0.34 8.55±0.15 9.96±0.09
LS-top5 5.43±0.19 1.95±0.15 1.87±0.04 3.45±0.14
Tf-KD 19.88±0.17 7.87±0.43 8.98±0.07 10.77±0.03
Tf-KD-top5 5.81±0.03 1.91±0.28 1.76±0.14 4.18±0.08
OLS 17.28±0.14 7.09±0.18 7.55±0.14 9.43±0.08
OLS-top5 4.08±0.07 1.56±0.12 1.08±0.07 2.95±0.09
"""),
}
# Its last row: by how much a method is better than CE, a mean over all cells. Those of the table give LS's 1.11 and
# Tf-KD's 0.44; in the place of 0.02, 0.19, 2.00 and 0.96 they give 0.04, 0.08, 1.99 and 0.97.
IMPROVEMENTS = parse("""
- top1 top5
CE 0.00 0.00
LS 1.11 0.02
Tf-KD 0.44 0.19
OLS 2.00 0.96
""")
# Table VII, ResNet-56 on CIFAR-100: a column for each noise rate in percent.
TABLE_7 = _accuracies("""
- 0 20 40 60 80
CE 26.81±0.36 37.75±0.50 47.07±1.08 62.06±0.62 81.56±0.42
Bootsoft 27.28±0.35 37.99±0.43 46.96±0.33 63.76±0.85 80.32±0.33
Boothard 26.02±0.22 36.21±0.29 42.73±0.16 54.95±2.20 81.20±1.26
SCE 28.97±0.31 38.40±0.12 46.97±0.65 62.13±0.55 82.66±0.10
Ren 38.38±0.35 43.74±1.21 49.83±0.53 57.65±0.98 73.04±0.15
Meta-Weight-Net 29.51±0.51 35.06±0.48 43.58±0.93 56.15±0.60 87.25±0.22
Arazo 33.80±0.10 33.91±0.38 40.87±1.49 52.91±1.81 83.92±0.19
PENCIL 29.36±0.35 36.33±0.15 43.55±0.08 57.49±1.05 79.24±0.11
Han 32.07±0.36 35.08±0.19 44.39±0.23 62.50±0.61 80.39±0.16
LS 26.37±0.41 35.48±0.61 43.99±1.04 59.51±0.80 80.36±0.90
OLS 25.24±0.18 32.67±0.14 38.86±0.13 50.04±0.14 78.22±1.01
""")
# Tables VIII and XII, ResNet-29 on CIFAR-10, one run.
TABLE_8 = _accuracies("""
- clean fgsm pgd
CE 7.18 82.46 93.18
Bootsoft 6.91 79.83 92.57
Boothard 7.73 82.68 90.01
SCE 8.66 77.68 93.96
LS 6.81 79.48 87.32
OLS 6.46 60.39 76.29
""")
TABLE_12 = parse("""
- divergence
CE 0.2974
Bootsoft 0.3247
Boothard 0.3188
SCE 0.5563
LS 0.1866
OLS 0.1399
""")["divergence"]
# Table IX, ResNet-50 on ImageNet, one run.
TABLE_9 = _accuracies("""
- fgsm fgsm-top5 pgd pgd-top5
CE 91.07 66.21 94.93 31.82
Bootsoft 91.29 67.29 94.56 31.07
LS 74.44 50.63 80.31 24.46
OLS 75.79 48.13 74.43 22.14
""")
# Table X, YOLO with MobileNetV2 on Pascal VOC: mean average precision.
TABLE_10 = parse("""
- yolo
CE 81.6
LS 82.3
OLS 82.7
""")
# Table XI, CIFAR-100.
TABLE_11 = _accuracies("""
- resnet56 resnet74 resnet110
CE 26.81±0.36 25.86±0.19 25.54±0.44
LS 26.37±0.41 25.90±0.31 25.14±0.31
OLS 25.24±0.18 24.89±0.08 23.86±0.27
""")
# Its calibration errors. The bins are not said; of the cited Guo et al. they are 15.
CALIBRATION = parse("""
- resnet56 resnet74 resnet110
CE 11.37±0.53 12.70±0.76 13.14±1.16
LS 3.35±0.86 2.37±0.94 2.32±1.03
OLS 2.85±1.44 1.81±0.85 2.05±0.68
""")
# Section V-E, ResNet-56 on CIFAR-100: the prediction for one other example of the class as the soft label.
SINGLE = (round(100 - 26.18, 2), 0.30)

_QUOTED = "quoted from Yuan et al.; the paper has this row of its own, too, which is declared"
_SAN = "Keras has neither SAN-15 nor its weights of ImageNet, which these runs start from"
_DETECTION = (
    "no detector is trained on Pascal VOC here; `python -m experiments.detection.measure` compares these losses on the "
    "classes of anchors on small canvases: [its table](../results/detection/table.md)"
)

# By table: rows, networks (Table VI) or columns (Table X) that no experiment has, and the reason.
LEFT_OUT = {
    "table4": {"CE-Yuan": _QUOTED, "LS-Yuan": _QUOTED},
    "table6": {"san15": _SAN},
    "table10": {"yolo": _DETECTION},
}

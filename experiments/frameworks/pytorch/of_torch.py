"""Training speed of one network in PyTorch: `python of_torch.py NAME BATCH SECONDS`.

It imports nothing of this project, whose environment may be another one, and lies in no package, because nothing of
this project imports it. The output is that of `of_keras`.
"""

import itertools
import json
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional


def _convolution(channels, filters, size=3, strides=1):
    return nn.Conv2d(channels, filters, size, strides, size // 2, bias=False)


class _Block(nn.Module):
    """A block of `models.resnet`."""

    def __init__(self, channels, filters, strides):
        super().__init__()
        self.strides, self.more = strides, filters - channels
        first = _convolution(channels, filters, strides=strides), nn.BatchNorm2d(filters), nn.ReLU(inplace=True)
        self.body = nn.Sequential(*first, _convolution(filters, filters), nn.BatchNorm2d(filters))

    def forward(self, x):
        y = self.body(x)
        if self.strides > 1:
            x = functional.pad(x[:, :, :: self.strides, :: self.strides], (0, 0, 0, 0, 0, self.more))
        return functional.relu_(y + x)


class _WideBlock(nn.Module):
    """A block of `models.wide_resnet`."""

    def __init__(self, channels, filters, strides):
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(inplace=True))
        last = nn.BatchNorm2d(filters), nn.ReLU(inplace=True), _convolution(filters, filters)
        self.body = nn.Sequential(_convolution(channels, filters, strides=strides), *last)
        self.project = _convolution(channels, filters, 1, strides) if channels != filters else None

    def forward(self, x):
        y = self.before(x)
        return self.body(y) + (x if self.project is None else self.project(y))


def _stages(block, channels, filters, blocks):
    for stage, width in enumerate(filters):
        for number in range(blocks):
            yield block(channels, width, 2 if stage and not number else 1)
            channels = width


def _head(channels):
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)


def _resnet(blocks):
    stem = _convolution(3, 16), nn.BatchNorm2d(16), nn.ReLU(inplace=True)
    return nn.Sequential(*stem, *_stages(_Block, 16, (16, 32, 64), blocks), *_head(64))


def _wide_resnet():
    end = nn.BatchNorm2d(128), nn.ReLU(inplace=True)
    return nn.Sequential(_convolution(3, 16), *_stages(_WideBlock, 16, (32, 64, 128), 4), *end, *_head(128))


def _lenet5():
    first = nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    second = nn.Conv2d(6, 16, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    dense = nn.Linear(400, 120), nn.ReLU(inplace=True), nn.Linear(120, 84), nn.ReLU(inplace=True)
    return nn.Sequential(*first, *second, nn.Flatten(), *dense, nn.Linear(84, 10))


_NETWORKS = {
    "lenet5": ((1, 28, 28), _lenet5),
    "resnet8": ((3, 32, 32), lambda: _resnet(1)),
    "resnet32": ((3, 32, 32), lambda: _resnet(5)),
    "wrn28_2": ((3, 32, 32), _wide_resnet),
}


def _speed(name, batch, seconds, memory_format):
    """Images a second and the number of parameters."""
    shape, build = _NETWORKS[name]
    network = build().train().to(memory_format=memory_format)
    images = torch.rand(batch, *shape).to(memory_format=memory_format)
    labels = torch.randint(0, 10, (batch,))
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9)
    ends = []
    while len(ends) < 5 or ends[-1] - ends[2] < seconds:  # the first steps choose kernels
        optimizer.zero_grad()
        functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        ends.append(time.perf_counter())
    step = statistics.median(end - start for start, end in itertools.pairwise(ends[2:]))
    return batch / step, sum(parameter.numel() for parameter in network.parameters())


def main():
    """Print the speed of the network in the arguments, with the faster one of two orders of the channels."""
    name, batch, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    formats = torch.channels_last, torch.contiguous_format
    found = [_speed(name, batch, seconds / 2, memory_format) for memory_format in formats]
    versions = f"PyTorch {torch.__version__}"
    line = {"images": max(found)[0], "parameters": found[0][1], "versions": versions}
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()

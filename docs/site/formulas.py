"""Formulas of the losses as LaTeX, for one example with the label y and the probabilities p = softmax(z)."""

FORMULAS = {
    "ActiveNegative": r"""w_0 \frac{\ell_y}{\sum_k \ell_k} + w_1 \frac{\sum_{k \neq y} g_k}{\sum_k g_k},
\qquad \ell_k = -\log p_k, \quad g_k = \max(A - \ell_k, 0)""",
    "ActivePassive": r"""w_0 \frac{\log p_y}{\sum_k \log p_k} + w_1 \cdot 4 (1 - p_y)""",
    "BackwardCorrection": r"""-\sum_j \left(y T^{-1}\right)_j \log \max(p_j, p_{\min})""",
    "BiTempered": r"""-\sum_k y_k \log_{t_1} p_k - \frac{1 - \sum_k p_k^{2 - t_1}}{2 - t_1},
\qquad p_k = \exp_{t_2}(z_k - \lambda), \quad \log_t u = \frac{u^{1 - t} - 1}{1 - t}""",
    "Bootstrap": r"""-\sum_k \left(\beta y_k + (1 - \beta) t_k\right) \log p_k""",
    "BoundedForwardCorrection": r"""B + s (\ell_i - B), \qquad \ell_i = -\sum_j y_j \log \left(T^\top p\right)_j,
\quad s = \begin{cases} -1 & \text{if the mean of the batch is below } B \\ 1 & \text{otherwise} \end{cases}""",
    "ConfidencePenalty": r"""-\sum_k y_k \log p_k + \beta \sum_k p_k \log p_k""",
    "CrossEntropy": r"""-\sum_k y_k \log p_k""",
    "DisturbLabel": r"""-\sum_k \tilde{y}_k \log p_k, \qquad \tilde{y} = \begin{cases}
\text{a class drawn uniformly} & \text{with probability } r \\ y & \text{otherwise} \end{cases}""",
    "EarlyLearning": r"""-\sum_k y_k \log p_k + \lambda \log \left(1 - \langle c, t_i \rangle\right),
\qquad t_i \leftarrow \beta t_i + (1 - \beta) \frac{c}{\sum_k c_k},
\quad c_k = \min \left(\max(p_k, 10^{-4}), 1 - 10^{-4}\right)""",
    "Focal": r"""-\sum_k y_k (1 - p_k)^\gamma \log p_k""",
    "ForwardCorrection": r"""-\sum_j y_j \log \left(T^\top p\right)_j""",
    "GeneralizedCrossEntropy": r"""\sum_k y_k \frac{1 - p_k^q}{q}""",
    "Heteroscedastic": r"""-\sum_k y_k \log \frac{1}{S} \sum_{s=1}^{S}
\operatorname{softmax}\left(\frac{u_s}{\tau}\right)_k,
\qquad u_s = \mu + d \odot \varepsilon_s + V f_s""",
    "JensenShannon": r"""\frac{\pi \operatorname{KL}(y \Vert m) + (1 - \pi) \operatorname{KL}(p \Vert m)}
{-(1 - \pi) \log(1 - \pi)},
\qquad m = \pi y + (1 - \pi) p""",
    "LabelSmearing": r"""-\sum_j (y M)_j \log p_j""",
    "LabelSmoothing": r"""-\sum_k \left((1 - \alpha) y_k + \frac{\alpha}{K}\right) \log p_k""",
    "LearnableLabelSmoothing": r"""\tfrac{1}{2} \operatorname{KL}(s \Vert p)
+ \tfrac{1}{2} \operatorname{KL}(p \Vert s), \qquad s = (1 - \alpha) y + \alpha \, y Q""",
    "LogisticNormal": r"""\tfrac{1}{2} \left\Vert S^{-1} r \right\Vert^2 + \log |S| + \tfrac{n}{2} \log 2 \pi
- n \log \tau + \tfrac{1}{2} \log (n + 1) + \sum_k \log s_k,
\qquad r = \tau \log \frac{s_{1:n}}{s_{n+1}} - \mu, \quad S = C C^\top + \lambda I""",
    "LogitClip": r"""\ell(y, \tilde{z}), \qquad \tilde{z} = z \min \left(1, \frac{c}{\Vert z \Vert}\right)""",
    "MultiLabel": r"""\frac{1}{L} \sum_{l=1}^{L} \ell \left(y_l, (0, z_l)\right)""",
    "NoiseAgainstNoise": r"""-\sum_k (y_k + \sigma \varepsilon_k) \log p_k, \qquad \varepsilon_k \sim N(0, 1)""",
    "OnlineLabelSmoothing": r"""-\alpha \sum_k y_k \log p_k - (1 - \alpha) \sum_k (y S)_k \log p_k""",
    "PENCIL": r"""\frac{1}{K} \operatorname{KL}(p \Vert d) - \alpha \sum_k y_k \log \operatorname{softmax}(d)_k
- \frac{\beta}{K} \sum_k p_k \log p_k, \qquad d = \operatorname{softmax}(c \, y + r_i)""",
    "PairwiseConfusion": r"""-\sum_k y_{ik} \log p_{ik} + \frac{w}{2} (1 - y_i \cdot y_j) \sum_k (p_{ik} - p_{jk})^2""",
    "ShiftedGaussianNoise": r"""-\log N \left(\tilde{z}; m, S S^\top\right), \qquad S = I + c c^\top,
\quad \tilde{z} = a^e z + (1 - a^e) \bar{m}""",
    "SymmetricCrossEntropy": r"""-\alpha \sum_k y_k \log p_k - \beta \sum_k p_k \max(\log y_k, A)""",
    "TeacherFree": r"""(1 - \alpha) \operatorname{CE}(y, p) + \alpha \operatorname{KL}(u_T \Vert p_T)""",
    "ZipfLabelSmoothing": r"""-\log p_y + w \sum_{k \neq y} u_k \log \frac{u_k}{q_k},
\qquad u_k \propto \frac{1}{r_k}, \quad q_k = \frac{p_k}{1 - p_y}""",
}

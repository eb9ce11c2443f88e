"""The classifier that mined terms are compared with: tf-idf over words and pairs of words, logistic regression, and the threshold
with the best F1 on out-of-fold scores of the training half.

Reads {"train", "train_labels", "test", "test_labels", "other"} as JSON, prints {"f1", "other"}: F1 on test, share of other that is
flagged. Test-only. To have it: python3 -m venv .venv && .venv/bin/pip install scikit-learn==1.9.1, then
QUALITY_PYTHON=.venv/bin/python make quality.
"""

import json
import sys

try:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score, precision_recall_curve
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
except ImportError:
    sys.exit("quality: no scikit-learn for this Python; the classifier is left out (see crates/quality/baseline.py)")

given = json.load(sys.stdin)
model = make_pipeline(
    TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2), LogisticRegression(C=10, max_iter=1000)
)
labels = given["train_labels"]
unseen = cross_val_predict(model, given["train"], labels, cv=5, method="predict_proba")[:, 1]
precision, recall, thresholds = precision_recall_curve(labels, unseen)
best = (2 * precision * recall / (precision + recall + 1e-9))[:-1].argmax()
model.fit(given["train"], labels)


def flagged(texts):
    return model.predict_proba(texts)[:, 1] >= thresholds[best]


f1 = f1_score(given["test_labels"], flagged(given["test"]))
other = flagged(given["other"]).mean() if given["other"] else 0.0
print(json.dumps({"f1": float(f1), "other": float(other)}))

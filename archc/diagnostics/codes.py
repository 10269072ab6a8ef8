"""The table of codes. A code is never reused; each has a page in `explain/` of the same name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Code:
    """A kind of mistake: its kebab-case name, and whether it is an error or a warning."""

    name: str
    severity: Severity = "error"


CODES: Final[dict[str, Code]] = {
    # A00: the file and its YAML
    "A0001": Code("unreadable-file"),
    "A0002": Code("not-utf-8"),
    "A0003": Code("limit-exceeded"),
    "A0004": Code("invalid-yaml"),
    "A0005": Code("duplicate-key"),
    "A0006": Code("refused-yaml-feature"),
    "A0007": Code("unquoted-expression"),
    "A0008": Code("number-out-of-range"),
    # A01: fields, their types and names
    "A0101": Code("unknown-field"),
    "A0102": Code("missing-field"),
    "A0103": Code("wrong-type"),
    "A0104": Code("invalid-value"),
    "A0105": Code("unknown-type"),
    "A0106": Code("unsupported-version"),
    "A0107": Code("invalid-name"),
    "A0108": Code("duplicate-name"),
    "A0109": Code("conflicting-fields"),
    "A0110": Code("shadowed-type"),
    "A0111": Code("recursive-block"),
    # A02: expressions and params
    "A0201": Code("invalid-expression"),
    "A0202": Code("unknown-variable"),
    "A0203": Code("failed-expression"),
    "A0204": Code("not-a-whole-number"),
    "A0205": Code("unavailable-variable"),
    "A0206": Code("unknown-param"),
    "A0207": Code("malformed-setting"),
    # A03: shapes
    "A0301": Code("wrong-rank"),
    "A0302": Code("indivisible-channels"),
    "A0303": Code("window-exceeds-input"),
    "A0304": Code("channels-disagree"),
    "A0305": Code("sizes-disagree"),
    "A0306": Code("excessive-padding"),
    "A0307": Code("excessive-output-padding"),
    "A0308": Code("empty-output"),
    "A0309": Code("unflattened-input"),
    "A0310": Code("wrong-layout"),
    "A0311": Code("uneven-chunks"),
    "A0312": Code("invalid-input-size"),
    "A0313": Code("undecided-input-size"),
    # A04: references between stages
    "A0401": Code("unknown-reference"),
    "A0402": Code("forward-reference"),
    "A0403": Code("unused-stage"),
    "A0404": Code("reference-across-lists"),
    "A0405": Code("wrong-number-of-inputs"),
    # A05: variants, outputs and claims
    "A0501": Code("invalid-extends"),
    "A0502": Code("cyclic-extends"),
    "A0503": Code("unknown-upto"),
    "A0504": Code("invalid-output"),
    "A0505": Code("unmet-expectation"),
    "A0506": Code("exceeded-budget"),
    "A0507": Code("unknown-path"),
    # A06: the two ends: data, labels and loss
    "A0601": Code("data-channels-disagree"),
    "A0602": Code("data-sizes-disagree"),
    "A0603": Code("data-form-disagrees"),
    "A0604": Code("data-layout-disagrees"),
    "A0605": Code("classes-disagree"),
    "A0606": Code("map-before-loss"),
    "A0607": Code("label-unfit-for-loss"),
    "A0608": Code("broadcast-in-loss"),
    "A0609": Code("label-shape-disagrees"),
    "A0610": Code("squashed-before-loss"),
    "A0611": Code("unsquashed-before-loss"),
    "A0612": Code("single-example-in-batch"),
    "A0613": Code("invalid-loss-weight"),
    "A0614": Code("no-whole-batch"),
    "A0615": Code("unavailable-label"),
    # A07: weights and targets
    "A0701": Code("unreadable-weights"),
    "A0702": Code("unfit-weights"),
    "A0703": Code("inexpressible-in-target"),
    "A0704": Code("unwritable-output"),
    "A0705": Code("missing-package"),
    "A0706": Code("targets-disagree"),
    "A0707": Code("float16-overflow"),
    "A0708": Code("unusable-examples"),
    "A0711": Code("operator-unfit-for-device"),
    "A0712": Code("size-unfit-for-device"),
    "A0713": Code("device-budget-exceeded"),
    "A0714": Code("invalid-profile"),
    # A08: the run itself
    "A0801": Code("lost-process"),
    "A0802": Code("missing-data"),
    "A0803": Code("unfit-data"),
    "A0804": Code("run-in-progress"),
    "A0805": Code("damaged-checkpoint"),
    "A0806": Code("invalid-run"),
    "A0807": Code("non-finite-loss"),
    "A0808": Code("unavailable-device"),
    "A0809": Code("unreadable-picture"),
    "A0810": Code("unfit-model"),
    # A09: warnings
    "A0901": Code("bias-before-norm", "warning"),
    "A0902": Code("unread-rows", "warning"),
    "A0903": Code("consecutive-norms", "warning"),
    "A0904": Code("consecutive-activations", "warning"),
    "A0905": Code("dropout-before-batch-norm", "warning"),
    "A0906": Code("activation-on-logits", "warning"),
    "A0907": Code("unused-block", "warning"),
    "A0908": Code("unused-param", "warning"),
    "A0909": Code("unused-defaults", "warning"),
    "A0910": Code("unused-init", "warning"),
    "A0911": Code("no-effect", "warning"),
    "A0912": Code("constant-output", "warning"),
    "A0913": Code("kernel-on-padding", "warning"),
    "A0914": Code("enlarging-pool", "warning"),
    "A0915": Code("consecutive-linears", "warning"),
    "A0920": Code("invalid-ignore", "warning"),
    "A0921": Code("unused-ignore", "warning"),
}

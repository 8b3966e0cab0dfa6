"""What loading costs: instructions that each kernel's verifier goes through, per program."""

import json
from pathlib import Path

BUDGET = Path(__file__).parent / "budget"


def costs(sections):
    """Instructions by hook, as {"tcp:tcp_destroy_sock": 2151}; empty where the kernel does not
    tell (before 5.16)."""
    status, programs = sections.get("status"), sections.get("programs")
    if not status or not programs or "{" not in status.text:
        return {}
    document = json.JSONDecoder().raw_decode(status.text[status.text.index("{"):])[0]
    targets = {str(hook["program_id"]): hook["target"] for hook in document["hooks"]
               if hook.get("program_id")}
    lines = [line.split() for line in programs.text.splitlines() if line.strip()]
    return {targets[number]: int(cost) for number, _, cost in lines if number in targets}


def limits():
    """The most that each hook may cost, from the file in the repository."""
    entries = [line.split() for line in BUDGET.read_text().splitlines()
               if line.strip() and not line.startswith("#")]
    return {target: int(limit) for target, limit in entries}


def report(guests):
    """The table of costs, and how many are over their limit or have none."""
    allowed = limits()
    told = [guest for guest in guests if guest.costs]
    if not told:
        return "", 0
    targets = sorted({target for guest in told for target in guest.costs})
    heads = "".join(f"{guest.kernel + ' ' + guest.hooks[0].upper():>9}" for guest in told)
    text = f"\n{'VERIFIER':<28}{'LIMIT':>7}{heads}\n"
    over = 0
    for target in targets:
        limit = allowed.get(target, 0)
        cells = ""
        for guest in told:
            cost = guest.costs.get(target)
            excess = cost is not None and cost > limit
            over += excess
            cells += f"{'' if cost is None else str(cost) + ('!' if excess else ''):>9}"
        text += f"{target:<28}{limit:>7}{cells}".rstrip() + "\n"
    text += f"instructions processed; {over} over their limit (scripts/guest/budget)\n"
    silent = [f"{guest.kernel} {guest.hooks}" for guest in guests
              if guest.runs and not guest.costs]
    if silent:
        text += f"not told by the kernel (before 5.16): {', '.join(silent)}\n"
    return text, over

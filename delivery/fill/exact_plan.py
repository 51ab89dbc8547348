"""Allocations of small fill problems, by the mixed-integer solver HiGHS."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from delivery.fill.fill_problem import Allocation, RegionProblem

__all__ = ["MAX_EXACT_PAIRS", "solve_exactly"]

#: Pairs of a file and a site up to which a problem is solved exactly: a few seconds on one core (chosen by hand).
MAX_EXACT_PAIRS = 200
#: Time limit of the solver, s (chosen by hand); its best allocation and bound are used then.
TIME_LIMIT = 60.0


def solve_exactly(problem: RegionProblem) -> Allocation | None:
    """Return an optimal allocation, or None if the solver finds none in its time.

    Notes
    -----
    Variables: x (site holds file, binary), then y (fraction of the demand for the file that the site serves).
    """
    sites, files = problem.held.shape
    pairs = sites * files
    copied = (~problem.held * problem.sizes).ravel()
    per_site = sparse.kron(sparse.eye_array(sites), np.ones((1, files)), format="csr")
    per_file = sparse.kron(np.ones((1, sites)), sparse.eye_array(files), format="csr")
    sizes, demand = np.tile(problem.sizes, sites), np.tile(problem.demand, sites)
    none = sparse.csr_array((sites, pairs))
    rows = [
        (sparse.hstack([per_site * sizes, none]), problem.disk),
        (sparse.hstack([per_site * copied, none]), problem.fill),
        (sparse.hstack([none, per_site * demand]), problem.capacity),
        (sparse.hstack([sparse.csr_array((files, pairs)), per_file]), np.ones(files)),
        (sparse.hstack([-sparse.eye_array(pairs), sparse.eye_array(pairs)]), np.zeros(pairs)),
    ]
    unit = float(problem.demand.max()) or 1.0
    value = np.concatenate([-problem.replacement_cost * copied, demand]) / unit
    found = milp(
        -value,
        integrality=np.repeat([1, 0], pairs),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(matrix.tocsr(), -np.inf, limit) for matrix, limit in rows],
        options={"time_limit": TIME_LIMIT, "mip_rel_gap": 1e-9},
    )
    if found.x is None:
        return None
    holds = found.x[:pairs].reshape(sites, files) > 0.5
    served = np.where(holds, found.x[pairs:].reshape(sites, files) * problem.demand, 0.0)
    bound = -float(found.mip_dual_bound) * unit
    # a file that serves nothing is only a cost
    holds &= (served > 1e-9 * unit) | problem.held & holds
    allocation = Allocation(holds, served, bound, "exact")
    return Allocation(holds, served, max(bound, problem.value(allocation)), "exact")

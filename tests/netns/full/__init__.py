# SPDX-License-Identifier: MIT
"""The full form: links of a table, and what goes wrong with links, measured against demands.

figures.py      statistics, no more
demands.py      what is measured, and what it shall come to
streams.py      what flows
recorder.py     what links and daemons say meanwhile
bulk.py, downloads.py, faults.py, steps.py, quality.py
                one run of each kind
report.py, plots.py
                what becomes of the figures
"""

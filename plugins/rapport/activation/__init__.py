"""Activation: brings what segments say to where people work with them, and accounts for every row.

::

    <home>/activation/
      account.sqlite         runs, lists, batches and rows: what was meant, and what came of it
      <destination>.lock     one run at a time per destination; freed by the kernel

The current release says who is meant to be where; the account says whom the destination took from
us. The difference is the plan, which guards may stop. What is about to be sent is written down
first; what came of it is written down when the destination has answered, and where it never did,
the next read of the list tells.
"""

"""What every package uses: errors, processes, tools, jobs, the store, the kernel compiler."""

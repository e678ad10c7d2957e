"""What the operator speaks about: names, reasons and typed views of policy, CronJob, Job and result. Pure."""

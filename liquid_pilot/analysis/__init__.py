"""What drives say: metrics of one episode, statistics over many, the results file, figures and the report."""

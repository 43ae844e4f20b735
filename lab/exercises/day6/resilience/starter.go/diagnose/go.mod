module diagnose

go 1.19

module users

go 1.19

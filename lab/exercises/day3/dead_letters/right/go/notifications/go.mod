module notifications

go 1.19

module ftpd/bench

go 1.26.0

require ftpd v0.0.0

replace ftpd => ../

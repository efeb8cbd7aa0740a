package main

import (
	"strings"
	"testing"
	"time"
)

var streams = []struct {
	name, in, want string
	good           bool
}{
	{"passes are counted, their output dropped", `
{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Test":"TestX","Output":"chatter\n"}
{"Action":"pass","Package":"a","Test":"TestX","Elapsed":0.5}
{"Action":"pass","Package":"a","Test":"TestX/sub"}
{"Action":"output","Package":"a","Output":"coverage: 81.5% of statements\n"}
{"Action":"pass","Package":"a","Elapsed":1.25}`, `
ok       a                                     1.25s  2 passed, 0 failed, 0 skipped, 81.5% of statements

tests: 90 s
2 passed, 0 failed, 0 skipped
`, true},
	{"a failure shows what its test printed", `
{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:1: wrong\n"}
{"Action":"fail","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Output":"FAIL\n"}
{"Action":"fail","Package":"a","Elapsed":0}
{"Action":"pass","Package":"b","Test":"TestY"}
{"Action":"pass","Package":"b","Elapsed":0}`, `
    x_test.go:1: wrong
FAIL
FAIL     a                                     0.00s  0 passed, 1 failed, 0 skipped
ok       b                                     0.00s  1 passed, 0 failed, 0 skipped

tests: 90 s
1 passed, 1 failed, 0 skipped
`, false},
	{"a skip shows its reason", `
{"Action":"output","Package":"a","Test":"TestX","Output":"    x_test.go:1: needs root\n"}
{"Action":"skip","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Test":"TestY"}
{"Action":"output","Package":"a","Output":"coverage: [no statements]\n"}
{"Action":"pass","Package":"a","Elapsed":0}
{"Action":"output","Package":"bare","Output":"\tbare\t\tcoverage: 0.0% of statements\n"}
{"Action":"pass","Package":"bare","Elapsed":0}
{"Action":"skip","Package":"none","Elapsed":0}`, `
    x_test.go:1: needs root
ok       a                                     0.00s  1 passed, 0 failed, 1 skipped
no tests bare                                  0.00s
no tests none                                  0.00s

tests: 90 s
1 passed, 0 failed, 1 skipped
`, true},
	{"a package that breaks outside its tests", `
{"Action":"pass","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Test":"TestZ","Output":"panic: late\n"}
{"Action":"output","Package":"a","Output":"exit status 2\n"}
{"Action":"fail","Package":"a","Elapsed":0}`, `
exit status 2
panic: late
FAIL     a                                     0.00s  1 passed, 0 failed, 0 skipped

tests: 90 s
1 passed, 1 failed, 0 skipped
`, false},
	{"a package that does not build", `
{"ImportPath":"a","Action":"build-output","Output":"a.go:1: undefined: x\n"}
{"ImportPath":"a","Action":"build-fail"}
{"Action":"output","Package":"a","Output":"FAIL a [build failed]\n"}
{"Action":"fail","Package":"a","Elapsed":0}
{"Action":"pass","Package":"b","Test":"TestX"}
{"Action":"pass","Package":"b","Elapsed":0}`, `
a.go:1: undefined: x
FAIL a [build failed]
FAIL     a                                     0.00s
ok       b                                     0.00s  1 passed, 0 failed, 0 skipped

tests: 90 s
1 passed, 1 failed, 0 skipped
`, false},
	{"other lines pass through, and nothing ran", "\nwithout the race detector\n{}", `
without the race detector
{}
tests: 90 s
0 passed, 0 failed, 0 skipped
`, false},
}

func TestTally(t *testing.T) {
	for _, tt := range streams {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			c := newTally(&out, time.Unix(1000, 0))
			if err := c.read(strings.NewReader(tt.in[1:])); err != nil {
				t.Fatal(err)
			}
			if good := c.close(time.Unix(1090, 0)); good != tt.good || out.String() != tt.want[1:] {
				t.Errorf("good is %v, got\n%s\nwant %v and\n%s", good, out.String(), tt.good, tt.want[1:])
			}
		})
	}
}

package report

import (
	"fmt"
	"math"
	"strings"
)

// A Claim is what the text says of the models, as a rule that the results
// either follow or do not.
type Claim struct {
	Name string // in the page's markers
	Text string
	// Parts are the conditions, each over the value that it names; all of them
	// make the claim one that held.
	Parts []Part
}

// A Part is one condition of a claim.
type Part struct {
	Says  string
	Holds func(at values) bool
}

// values looks a value up, by the five parts of its name. What is not there is
// NaN, and no comparison with NaN is true.
type values func(name string) float64

// Claims returns the claims in the order of the page.
func Claims() []Claim {
	return []Claim{
		selectGrows(), selectStops(), busyBurns(), threadsKeepUp(), heavyDelays(), asyncNeverBlocks(),
	}
}

func selectGrows() Claim {
	const few, many, far = "busy/%s/1/1/cpu_s_per_100k", "busy/%s/1000/1/cpu_s_per_100k", "busy/%s/10000/1/cpu_s_per_100k"
	growth := func(at values, model, to string) float64 { return at(named(to, model)) / at(named(few, model)) }
	return Claim{
		Name: "select-grows",
		Text: "select's cost grows with the descriptors that it watches, and epoll's does not",
		Parts: []Part{
			{"1,000 idle connections make a request at least twice as dear with select", func(at values) bool { return growth(at, "select", many) >= 2 }},
			{"and no more than half as dear again with epoll", func(at values) bool { return growth(at, "epoll", many) < 1.5 }},
			{"nor do 10,000", func(at values) bool { return growth(at, "epoll", far) < 1.5 }},
		},
	}
}

func selectStops() Claim {
	return Claim{
		Name: "select-stops",
		Text: "select stops at 1,024 descriptors",
		Parts: []Part{
			{"a request was answered beside 1,000 idle connections", func(at values) bool { return at("busy/select/1000/1/requests_per_s") > 0 }},
			{"none beside 10,000", func(at values) bool { return math.IsNaN(at("busy/select/10000/1/requests_per_s")) }},
			{"where epoll answers", func(at values) bool { return at("busy/epoll/10000/1/requests_per_s") > 0 }},
		},
	}
}

func busyBurns() Claim {
	return Claim{
		Name: "busy-burns",
		Text: "busy polling burns a processor while idle, and delays nothing or everything",
		Parts: []Part{
			// More than that a processor shared with other programs does not give.
			{"it uses at least three quarters of a processor at rest", func(at values) bool { return at("idle/busy-polling/1/0/idle_cpu_share") >= 0.75 }},
			{"with one idle connection its median is not above epoll's", func(at values) bool {
				return at("busy/busy-polling/1/1/p50_us") <= at("busy/epoll/1/1/p50_us")
			}},
			{"with 10,000 it is at least ten times epoll's", func(at values) bool {
				return at("busy/busy-polling/10000/1/p50_us") >= 10*at("busy/epoll/10000/1/p50_us")
			}},
		},
	}
}

func threadsKeepUp() Claim {
	// Within a tenth is as fast: medians of short runs differ by that. A single one
	// differs by more, so it is all with few idle connections, which are nothing to
	// either model.
	const asFast = 0.9
	total := func(at values, model, active string) (sum float64) {
		for _, idle := range []string{"1", "10", "100"} {
			sum += at("busy/" + model + "/" + idle + "/" + active + "/requests_per_s")
		}
		return sum
	}
	atLeast := func(at values, active string) bool {
		return total(at, "threads", active) >= asFast*total(at, "epoll", active)
	}
	return Claim{
		Name: "threads-keep-up",
		Text: "with few busy connections, threads are as fast or faster",
		Parts: []Part{
			{"one busy connection", func(at values) bool { return atLeast(at, "1") }},
			{"16 busy connections", func(at values) bool { return atLeast(at, "16") }},
		},
	}
}

func heavyDelays() Claim {
	const blocked = 45_000 // µs, of a handler of 50 ms
	return Claim{
		Name: "heavy-delays",
		Text: "a heavy handler in the loop delays all, and offloaded it does not",
		Parts: []Part{
			{"in the loop, the others wait for it in the median", func(at values) bool { return at("heavy/epoll/0/16/p50_us") >= blocked }},
			{"offloaded, 99 of 100 of them do not", func(at values) bool { return at("heavy/epoll-offload/0/16/p99_us") < blocked/4 }},
			{"nor do they beside threads", func(at values) bool { return at("heavy/threads/0/16/p99_us") < blocked/4 }},
		},
	}
}

func asyncNeverBlocks() Claim {
	return Claim{
		Name: "async-never-blocks",
		Text: "asynchronous I/O blocks neither while it waits for data nor while they are copied",
		Parts: []Part{
			{"no call reads or writes", func(at values) bool { return at("busy/io_uring/1/128/calls_per_request") < 0.01 }},
			{"with 128 busy connections the server sleeps less than once in five requests", func(at values) bool {
				return at("busy/io_uring/1/128/sleeps_per_request") < 0.2
			}},
			{"a handler in its loop delays the others all the same", func(at values) bool { return at("heavy/io_uring/0/16/p50_us") >= 45_000 }},
		},
	}
}

func named(format, model string) string { return strings.ReplaceAll(format, "%s", model) }

// verdict says what became of a claim: held, held in part, or did not hold.
func verdict(name string, rows []Row) (string, error) {
	for _, c := range Claims() {
		if c.Name != name {
			continue
		}
		held := 0
		for _, p := range c.Parts {
			if p.Holds(valuesOf(rows)) {
				held++
			}
		}
		switch held {
		case len(c.Parts):
			return "held", nil
		case 0:
			return "did not hold", nil
		}
		return "held in part", nil
	}
	return "", fmt.Errorf("%w: claim %q", errPage, name)
}

func valuesOf(rows []Row) values {
	return func(name string) float64 {
		v, _, err := lookUp(name, rows)
		if err != nil {
			return math.NaN()
		}
		return v
	}
}

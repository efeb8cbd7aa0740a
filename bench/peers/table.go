//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"ftpd/bench/peers/tools"
)

// markdown returns all tables, those of the budgets first.
func (r results) markdown() string {
	var out strings.Builder
	out.WriteString("# Side by side\n\n")
	for _, line := range r.about {
		out.WriteString("- " + line + "\n")
	}
	out.WriteString("\n## Budgets\n\n")
	out.WriteString(r.budgets())
	out.WriteString(r.secureBudgets())
	for _, place := range r.places() {
		for _, k := range r.kinds() {
			for _, d := range []direction{put, get} {
				out.WriteString(r.table(place, task{d, k}))
			}
		}
	}
	return out.String()
}

const tableHead = `| tool | client | runs | median s | min–max s | %s | × cp | × ftpd | client CPU s | server CPU s |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
`

// table has a row for each tool, the fastest first; empty if nothing was
// measured.
func (r results) table(place string, t task) string {
	var rows []string
	for _, tool := range r.byMedian(place, t) {
		rows = append(rows, r.line(row{place: place, task: t, tool: tool}))
	}
	if len(rows) == 0 {
		return ""
	}
	unit := "MiB/s"
	if t.tree() {
		unit = "files/s"
	}
	return fmt.Sprintf("\n### %s in %s\n\n", sentence(t.String()), place) + fmt.Sprintf(tableHead, unit) + strings.Join(rows, "")
}

// byMedian returns the tools that did a task, the fastest first.
func (r results) byMedian(place string, t task) []string {
	did := slices.DeleteFunc(r.tools(), func(tool string) bool { return len(r.of(row{place: place, task: t, tool: tool})) == 0 })
	slices.SortStableFunc(did, func(a, b string) int {
		return int(median(r.of(row{place: place, task: t, tool: a}), wall) - median(r.of(row{place: place, task: t, tool: b}), wall))
	})
	return did
}

func (r results) line(of row) string {
	samples := r.of(of)
	middle := median(samples, wall)
	return fmt.Sprintf("| %s | %s | %d | %s | %s–%s | %s | %s | %s | %s | %s |\n",
		of.tool, samples[0].client, len(samples), seconds(middle),
		seconds(slices.MinFunc(samples, byWall).wall), seconds(slices.MaxFunc(samples, byWall).wall),
		rate(of.task, middle), r.times(of, tools.Reference), r.times(of, tools.Product),
		seconds(median(samples, func(s sample) time.Duration { return s.onClient })),
		seconds(median(samples, func(s sample) time.Duration { return s.onServer })))
}

// rate is what a user sees: bytes of a file, files of a tree.
func rate(t task, took time.Duration) string {
	if took <= 0 {
		return ""
	}
	if t.tree() {
		return thousands(int(float64(t.files) / took.Seconds()))
	}
	return thousands(int(float64(t.size) / (1 << 20) / took.Seconds()))
}

// times is the ratio to another tool, or empty.
func (r results) times(of row, other string) string {
	ratio, ok := r.ratio(of, row{place: of.place, task: of.task, tool: other})
	if !ok {
		return ""
	}
	return fmt.Sprintf("%.2f", ratio)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func sentence(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// What the product is held to, as ratios of medians; 0 is not.
const (
	treeToCopy  = 0.90
	treeToRsync = 0.33
	fileToCopy  = 1.00
	fileToBest  = 0.65

	secureToPlain = 1.50
	secureToBest  = 0.70
)

// budgets compares the product with what it is held to.
func (r results) budgets() string {
	var out strings.Builder
	out.WriteString("| in | task | tool | × cp | × rsync | × best peer | the best peer | × bare loop |\n|---|---|---|---:|---:|---:|---|---:|\n")
	for _, place := range r.places() {
		for _, k := range r.kinds() {
			for _, d := range []direction{put, get} {
				for _, tool := range []string{tools.Product, tools.ProductQuick} {
					out.WriteString(r.budget(row{place: place, task: task{d, k}, tool: tool}))
				}
			}
		}
	}
	return out.String()
}

func (r results) budget(of row) string {
	if len(r.of(of)) == 0 {
		return ""
	}
	toCopy, toRsync, toBest := fileToCopy, 0.0, fileToBest
	if of.task.tree() {
		toCopy, toRsync, toBest = treeToCopy, treeToRsync, 0
	}
	best := r.bestPeer(of.place, of.task, false)
	return fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s | %s |\n", of.place, of.task, of.tool,
		r.held(of, tools.Reference, toCopy), r.held(of, tools.Rsync, toRsync), r.held(of, best, toBest), best, r.times(of, tools.Bare))
}

// held writes a ratio, and whether it is within what is asked, if anything is.
func (r results) held(of row, other string, asked float64) string {
	ratio, ok := r.ratio(of, row{place: of.place, task: of.task, tool: other})
	switch {
	case !ok:
		return ""
	case asked == 0:
		return fmt.Sprintf("%.2f", ratio)
	case ratio <= asked:
		return fmt.Sprintf("**%.2f** ≤ %.2f", ratio, asked)
	}
	return fmt.Sprintf("%.2f > %.2f", ratio, asked)
}

// secureBudgets compares the product inside TLS with itself outside, and with others
// inside; empty if that was not measured.
func (r results) secureBudgets() string {
	var rows strings.Builder
	for _, place := range r.places() {
		for _, k := range r.kinds() {
			for _, d := range []direction{put, get} {
				of := row{place: place, task: task{d, k}, tool: tools.ProductTLS}
				if len(r.of(of)) == 0 {
					continue
				}
				best := r.bestPeer(place, of.task, true)
				fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s | %s |\n", place, of.task, of.tool,
					r.held(of, tools.Product, secureToPlain), r.held(of, best, secureToBest), best)
			}
		}
	}
	if rows.Len() == 0 {
		return ""
	}
	return "\n| in | task | tool | × without TLS | × best peer inside TLS | the best peer |\n|---|---|---|---:|---:|---|\n" + rows.String()
}

// bestPeer returns the fastest tool that copies over a network, inside TLS or outside,
// and is not the product; empty where there is none.
func (r results) bestPeer(place string, t task, secure bool) string {
	for _, tool := range r.byMedian(place, t) {
		if tools.Secure(tool) == secure && tools.Peer(tool) {
			return tool
		}
	}
	return ""
}

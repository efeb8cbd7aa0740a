//go:build linux

package main

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestCompare(t *testing.T) {
	ms := func(list ...int) (times []time.Duration) {
		for _, n := range list {
			times = append(times, time.Duration(n)*time.Millisecond)
		}
		return times
	}
	if q := quartiles(ms(5, 1, 4, 2, 3)); q != [3]time.Duration(ms(2, 3, 4)) {
		t.Errorf("the quartiles are %v", q)
	}
	for _, c := range []struct {
		a, b []time.Duration
		want float64
	}{
		{ms(1, 2, 3), ms(1, 2, 3), 0.5},
		{ms(4, 5), ms(1, 2, 3), 1},
		{ms(1), ms(2, 3), 0},
		{ms(2), ms(1, 2, 3, 4), 0.375},
		{later(ms(1, 2), time.Millisecond), ms(1, 2), 0.875},
	} {
		if got := auc(c.a, c.b); got != c.want {
			t.Errorf("%v beside %v: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}

// TestChance draws from one distribution, and has auc stray as often as chance says.
func TestChance(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() []time.Duration {
		times := make([]time.Duration, 100)
		for i := range times {
			times[i] = time.Duration(random.ExpFloat64() * 1e9)
		}
		return times
	}
	strays := 0
	for range 2000 {
		if math.Abs(auc(draw(), draw())-0.5) > chance(100, 100) {
			strays++
		}
	}
	if strays < 60 || strays > 140 {
		t.Errorf("%d of 2000 stray, and not about 100", strays)
	}
}

// TestGuesses has each sort of login fail once, at the ftpd of this tree.
func TestGuesses(t *testing.T) {
	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "./server/ftpd")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	w, err := newLoginWorld(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer w.end()
	list := guesses(w.own, w.other)
	times, err := w.guessInTurns(context.Background(), list, 1)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if printGuesses(&out, list, times); strings.Count(out.String(), "\n") != len(list)+2 {
		t.Errorf("the table is\n%s", &out)
	}
	c, _, busy, err := w.enter()
	if err != nil || busy != 0 {
		t.Fatalf("who knows the password: %v, busy %d times", err, busy)
	}
	c.Close()
}

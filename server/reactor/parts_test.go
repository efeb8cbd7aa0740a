package reactor

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

type expiry struct {
	timer
	name string
	log  *[]string
}

func (e *expiry) expire(time.Time) { *e.log = append(*e.log, e.name) }

func TestTimers(t *testing.T) {
	var h timers
	var log []string
	start := time.Unix(1000, 0)
	at := func(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }
	newExpiry := func(name string) *expiry {
		e := &expiry{name: name, log: &log}
		e.owner = e
		return e
	}
	a, b, c, d := newExpiry("a"), newExpiry("b"), newExpiry("c"), newExpiry("d")
	h.set(&a.timer, at(5))
	h.set(&b.timer, at(3))
	h.set(&c.timer, at(4))
	h.set(&d.timer, at(1))
	h.set(&b.timer, at(9))       // later: noted only
	h.set(&c.timer, at(2))       // earlier: moved
	h.set(&d.timer, time.Time{}) // off
	if got := h.wait(start); got != 2*time.Second {
		t.Errorf("the first wait is %s", got)
	}
	h.run(at(4))
	h.run(at(4)) // the heap puts b right without expiring it
	if want := []string{"c"}; !slices.Equal(log, want) {
		t.Errorf("until 4 s: %v", log)
	}
	h.run(at(100))
	if want := []string{"c", "a", "b"}; !slices.Equal(log, want) {
		t.Errorf("at last: %v", log)
	}
	if h.wait(at(100)) >= 0 {
		t.Error("an empty heap has a deadline")
	}
	h.set(&a.timer, at(101))
	h.remove(&a.timer)
	h.remove(&a.timer)
	if len(h.heap) != 0 {
		t.Error("a removed timer is in the heap")
	}
}

// TestTimersAgainstModel moves many timers at random and compares with a
// plain list of when each is due.
func TestTimersAgainstModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h timers
	var log []string
	now := time.Unix(1000, 0)
	var all []*expiry
	due := map[string]time.Time{}
	for i := range 50 {
		e := &expiry{name: string(rune('A' + i)), log: &log}
		e.owner = e
		all = append(all, e)
	}
	for range 5000 {
		e := all[random.IntN(len(all))]
		switch random.IntN(8) {
		case 0:
			h.set(&e.timer, time.Time{})
			delete(due, e.name)
		case 1:
			now = now.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
			log = log[:0]
			h.run(now)
			var want []string
			for name, at := range due {
				if !at.After(now) {
					want = append(want, name)
					delete(due, name)
				}
			}
			slices.Sort(want)
			got := slices.Sorted(slices.Values(log))
			if !slices.Equal(got, want) {
				t.Fatalf("expired %v instead of %v", got, want)
			}
		default:
			at := now.Add(time.Duration(1+random.IntN(3000)) * time.Millisecond)
			h.set(&e.timer, at)
			due[e.name] = at
		}
	}
}

func TestFifo(t *testing.T) {
	var q fifo[int]
	next, out := 0, 0
	random := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		if random.IntN(2) == 0 {
			q.push(next)
			next++
		} else if q.len() > 0 {
			if *q.first() != out || *q.last() != next-1 || q.pop() != out {
				t.Fatal("out of order")
			}
			out++
		}
		if q.len() != next-out {
			t.Fatalf("%d in line instead of %d", q.len(), next-out)
		}
	}
	if cap(q.items) > 4096 {
		t.Errorf("%d places for %d items", cap(q.items), q.len())
	}
}

func TestBuffers(t *testing.T) {
	p := buffers{limit: 8 * LargeBuffer}
	var lent []*Buffer
	for b := p.get(LargeBuffer, Bulk); b != nil; b = p.get(LargeBuffer, Bulk) {
		lent = append(lent, b)
	}
	if len(lent) != 7 {
		t.Errorf("%d large buffers of a limit of 8, an eighth of it kept back", len(lent))
	}
	small := 0
	for b := p.get(1, Control); b != nil; b = p.get(1, Control) {
		lent = append(lent, b)
		small++
	}
	if small != LargeBuffer/TinyBuffer {
		t.Errorf("%d small buffers in what was kept back", small)
	}
	if p.has(0, Control) || !p.hasAfter(lent[0]) {
		t.Error("the limit does not follow what is lent")
	}
	for _, b := range lent {
		p.put(b)
	}
	if p.lent.Load() != 0 {
		t.Errorf("%d bytes lent after all came back", p.lent.Load())
	}
	p.trim()
	first := p.get(MediumBuffer, Bulk)
	p.put(first)
	if p.get(MediumBuffer-1, Bulk) != first {
		t.Error("a free buffer is not used again")
	}
	if p.trim(); p.idle() {
		t.Error("buffers are free after a trim")
	}
	if n := testing.AllocsPerRun(100, func() { p.put(p.get(SmallBuffer, Control)) }); n > 0 {
		t.Errorf("%v allocations to lend a buffer", n)
	}
}

// hasAfter reports whether there is memory for something small once b is back.
func (p *buffers) hasAfter(b *Buffer) bool {
	p.put(b)
	defer p.must(b.class)
	return p.has(0, Control)
}

type jobFunc func()

func (f jobFunc) Run() { f() }

func TestOffloadLanes(t *testing.T) {
	woken := make(chan struct{}, 100)
	o := newOffload([lanes]int{2, 2, 2, 2, 2, 2}, func() { woken <- struct{}{} })
	stuck := make(chan struct{})
	var slow []Job
	for range 5 { // more than the lane has workers
		job := jobFunc(func() { <-stuck })
		slow = append(slow, job)
		o.submit(Slow, completion{job: job})
	}
	ran := make(chan struct{})
	o.submit(Quick, completion{job: jobFunc(func() { close(ran) })})
	<-ran // although the slow lane is full
	both := make(chan struct{})
	for range 2 { // two at once, although both were submitted to idle workers
		o.submit(Quick, completion{job: jobFunc(func() {
			select {
			case both <- struct{}{}:
			case <-both:
			}
		})})
	}
	close(stuck)
	done := 0
	var batch []completion
	for done < len(slow)+3 {
		<-woken
		batch = o.completed(batch)
		done += len(batch)
	}
	o.close()
	o.group.Wait()
}

func TestOffloadPanic(t *testing.T) {
	woken := make(chan struct{}, 1)
	o := newOffload([lanes]int{1, 1, 1, 1, 1, 1}, func() { woken <- struct{}{} })
	o.submit(Quick, completion{job: jobFunc(func() { panic("a bug") })})
	<-woken
	batch := o.completed(nil)
	if len(batch) != 1 || batch[0].err == nil || !strings.Contains(batch[0].err.Error(), "a bug") {
		t.Errorf("a job that panicked came back as %+v", batch)
	}
	o.close()
	o.group.Wait()
}

func TestPhases(t *testing.T) {
	for from := open; from <= closed; from++ {
		for _, to := range nextPhases[from] {
			if to <= from {
				t.Errorf("a connection goes back from %d to %d", from, to)
			}
		}
		if from != closed && !slices.Contains(nextPhases[from], closed) {
			t.Errorf("a connection cannot be closed from %d", from)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a closed connection was opened again")
		}
	}()
	c := &Conn{phase: closed}
	c.setPhase(open)
}

func TestConfigDefaults(t *testing.T) {
	c := Config{Memory: 1}.withDefaults()
	if c.Memory != minMemory || c.MaxClients == 0 || c.DrainTimeout == 0 || c.Logger == nil {
		t.Errorf("defaults: %+v", c)
	}
	if c := (Config{MaxClients: 3}).withDefaults(); c.MaxClients != 3 {
		t.Error("a default replaced what was asked for")
	}
}

// TestTurn shares a round's budget, down to what is worth a system call.
func TestTurn(t *testing.T) {
	for _, c := range []struct{ budget, among, want int }{
		{1 << 20, 0, 1 << 20},
		{1 << 20, 1, 1 << 20},
		{1 << 20, 8, 128 << 10},
		{1 << 20, 1000, minTurn},
		{4096, 8, 4096}, // what was asked for is less than that
	} {
		if got := turn(c.budget, c.among); got != c.want {
			t.Errorf("%d among %d: %d each, want %d", c.budget, c.among, got, c.want)
		}
	}
}

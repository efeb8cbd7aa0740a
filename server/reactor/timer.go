package reactor

import (
	"container/heap"
	"time"
)

// timer calls expire when its time has come. It is embedded in what owns it;
// the zero time means that it is off.
type timer struct {
	at    time.Time // when expire is due
	armed time.Time // the key in the heap: never later than at
	index int32     // in the heap, plus one; 0 is outside
	owner expirer
}

type expirer interface {
	expire(now time.Time)
}

// timers is the one heap of deadlines. Moving a deadline later, which nearly
// every event does, only notes the new time: the heap puts it right when the
// old one comes up.
type timers []*timer

func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].armed.Before(h[j].armed) }

func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i+1), int32(j+1)
}

// Push is part of heap.Interface.
func (h *timers) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.index = int32(len(*h))
}

// Pop is part of heap.Interface.
func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	return t
}

// set makes t due at a time; the zero time switches it off.
func (h *timers) set(t *timer, at time.Time) {
	t.at = at
	switch {
	case at.IsZero():
		h.remove(t)
	case t.index == 0:
		t.armed = at
		heap.Push(h, t)
	case at.Before(t.armed):
		t.armed = at
		heap.Fix(h, int(t.index-1))
	}
}

func (h *timers) remove(t *timer) {
	if t.index != 0 {
		heap.Remove(h, int(t.index-1))
	}
}

// wait returns how long until the first timer may be due, negative for ever.
func (h timers) wait(now time.Time) time.Duration {
	if len(h) == 0 {
		return -1
	}
	return max(0, h[0].armed.Sub(now))
}

// run expires what is due.
func (h *timers) run(now time.Time) {
	for len(*h) > 0 && !(*h)[0].armed.After(now) {
		t := (*h)[0]
		if t.at.After(now) {
			t.armed = t.at
			heap.Fix(h, 0)
			continue
		}
		heap.Pop(h)
		t.at = time.Time{}
		t.owner.expire(now)
	}
}

package reactor

import (
	"container/heap"
	"time"
)

// timer calls expire when its time has come. It is embedded in what owns it.
// Every connection has one, so its times take 8 bytes each and not 24: they count
// from a time that the timers of a loop share.
type timer struct {
	at    time.Duration // when expire is due, in the heap only
	armed time.Duration // the key in the heap: never later than at
	owner expirer
	index int32 // in the heap, plus one; 0 is outside
}

type expirer interface {
	expire(now time.Time)
}

// timers is the one heap of deadlines. Moving a deadline later, which nearly
// every event does, only notes the new time: the heap puts it right when the
// old one comes up.
type timers struct {
	base time.Time // what times count from: the first one that was set
	heap timerHeap
}

type timerHeap []*timer

// Len, Less and Swap are part of heap.Interface.
func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].armed < h[j].armed }

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = int32(i+1), int32(j+1)
}

// Push is part of heap.Interface.
func (h *timerHeap) Push(x any) {
	t := x.(*timer)
	*h = append(*h, t)
	t.index = int32(len(*h))
}

// Pop is part of heap.Interface.
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	return t
}

// set makes t due at a time; the zero time switches it off.
func (s *timers) set(t *timer, at time.Time) {
	if at.IsZero() {
		s.remove(t)
		return
	}
	if s.base.IsZero() {
		s.base = at
	}
	t.at = at.Sub(s.base)
	switch {
	case t.index == 0:
		t.armed = t.at
		heap.Push(&s.heap, t)
	case t.at < t.armed:
		t.armed = t.at
		heap.Fix(&s.heap, int(t.index-1))
	}
}

func (s *timers) remove(t *timer) {
	if t.index != 0 {
		heap.Remove(&s.heap, int(t.index-1))
	}
}

// wait returns how long until the first timer may be due, negative for ever.
func (s *timers) wait(now time.Time) time.Duration {
	if len(s.heap) == 0 {
		return -1
	}
	return max(0, s.heap[0].armed-now.Sub(s.base))
}

// run expires what is due.
func (s *timers) run(now time.Time) {
	for since := now.Sub(s.base); len(s.heap) > 0 && s.heap[0].armed <= since; {
		t := s.heap[0]
		if t.at > since {
			t.armed = t.at
			heap.Fix(&s.heap, 0)
			continue
		}
		heap.Pop(&s.heap)
		t.owner.expire(now)
	}
}

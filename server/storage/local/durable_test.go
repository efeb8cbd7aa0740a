//go:build unix

package local

import (
	"errors"
	"sync"
	"testing"
)

// syncLog stands for a file system and notes what is asked of it.
type syncLog struct {
	mu       sync.Mutex
	together int
	alone    map[int]int
	begun    chan struct{} // told when a sync begins
	gate     chan struct{} // lets it end
	fails    map[int]error
	noGroup  error
}

func (l *syncLog) group() *syncGroup {
	return &syncGroup{together: l.syncAll, alone: l.syncOne}
}

func (l *syncLog) syncAll(int) error {
	l.mu.Lock()
	l.together++
	l.mu.Unlock()
	return l.noGroup
}

func (l *syncLog) syncOne(fd int) error {
	if l.begun != nil {
		l.begun <- struct{}{}
		<-l.gate
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alone[fd]++
	return l.fails[fd]
}

// crowd has n commits wait behind one whose sync is under way, and returns
// what each was told.
func crowd(t *testing.T, l *syncLog, n int) []error {
	t.Helper()
	g := l.group()
	l.begun, l.gate = make(chan struct{}), make(chan struct{})
	results := make([]error, n+1)
	var group sync.WaitGroup
	group.Go(func() { results[n] = g.sync(n)[0] })
	<-l.begun
	for i := range n {
		group.Go(func() { results[i] = g.sync(i)[0] })
	}
	for queued := 0; queued < n; {
		g.mu.Lock()
		queued = len(g.waiting)
		g.mu.Unlock()
	}
	l.begun = nil // whoever comes now need not ask
	close(l.gate)
	group.Wait()
	return results
}

func TestSyncTogether(t *testing.T) {
	l := &syncLog{alone: map[int]int{}}
	for i, err := range crowd(t, l, 100) {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	if l.together != 1 || len(l.alone) != 1 {
		t.Errorf("100 that waited took %d syncs together and %d by themselves, the first among these", l.together, len(l.alone))
	}
}

func TestSyncFewAlone(t *testing.T) {
	l := &syncLog{alone: map[int]int{}}
	crowd(t, l, groupFrom-1)
	if l.together != 0 || len(l.alone) != groupFrom {
		t.Errorf("a few took %d syncs together and %d by themselves", l.together, len(l.alone))
	}
}

// TestSyncErrors has a file system that cannot be synced as a whole, and one
// file that fails: only its commit is told.
func TestSyncErrors(t *testing.T) {
	broken := errors.New("broken")
	l := &syncLog{alone: map[int]int{}, noGroup: errors.New("not to be had"), fails: map[int]error{3: broken}}
	for i, err := range crowd(t, l, 20) {
		if want := map[bool]error{true: broken}[i == 3]; !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%d was told %v", i, err)
		}
	}
	if len(l.alone) != 21 {
		t.Errorf("%d of 21 were synced", len(l.alone))
	}
}

func TestSyncGroupsAreOfOneFileSystem(t *testing.T) {
	var g syncGroups
	first, other := g.of(1), g.of(2)
	if first != g.of(1) || first == other {
		t.Error("a group is not that of a file system")
	}
}

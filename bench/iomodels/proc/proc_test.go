//go:build linux

package proc

import (
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const patience = 30 * time.Second

func TestCPUCountsWork(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; {
		after, err := CPU(os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if after-before > 3*time.Millisecond {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%v of work after %v", after-before, patience)
		}
	}
}

// The clock is read by a number that is made of the process's own, so a wrong one
// would be some other clock. getrusage(2) knows the same time, to its tick.
func TestCPUIsThatOfTheProcess(t *testing.T) {
	const tick = 20 * time.Millisecond
	own := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := own()
	got, err := CPU(os.Getpid())
	if after := own(); err != nil || got < before-tick || got > after+tick {
		t.Errorf("%v, %v, want between %v and %v", got, err, before, after)
	}
}

func TestStatus(t *testing.T) {
	const size = 32 << 20
	before, err := ReadStatus(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < size; i += 4096 {
		memory[i] = 1
	}
	after, err := ReadStatus(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if grown := after.Anon - before.Anon; grown < size*9/10 || grown > size*2 {
		t.Errorf("32 MiB in use show as %d bytes", grown)
	}
	if after.Threads < 1 || after.Pages <= 0 {
		t.Errorf("status %+v", after)
	}
	if err := unix.Munmap(memory); err != nil {
		t.Fatal(err)
	}
}

func TestCalls(t *testing.T) {
	const count = 500
	before, err := Calls(os.Getpid())
	if err != nil {
		t.Skipf("the kernel does not tell: %v", err)
	}
	zero, err := os.Open("/dev/zero")
	if err != nil {
		t.Fatal(err)
	}
	defer zero.Close()
	for range count {
		if _, err := zero.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	after, err := Calls(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if n := after - before; n < count || n > 2*count {
		t.Errorf("%d calls, of %d reads", n, count)
	}
}

func TestSleeps(t *testing.T) {
	const count = 50
	before, err := Sleeps(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for range count {
		nap := unix.NsecToTimespec(int64(100 * time.Microsecond))
		_ = unix.Nanosleep(&nap, nil) // a signal ends it early, which is a sleep too
	}
	after, err := Sleeps(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if n := after - before; n < count/2 {
		t.Errorf("%d sleeps, of %d", n, count)
	}
}

func TestKernel(t *testing.T) {
	bytes, err := Kernel()
	if err != nil || bytes < 1<<20 {
		t.Errorf("%d bytes, %v", bytes, err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	const nobody = 1 << 24 // process numbers end at 1 << 22
	_, cpuErr := CPU(nobody)
	_, statusErr := ReadStatus(nobody)
	_, callsErr := Calls(nobody)
	_, sleepsErr := Sleeps(nobody)
	for i, err := range []error{cpuErr, statusErr, callsErr, sleepsErr} {
		if err == nil {
			t.Errorf("%d: no error for a process that is not there", i)
		}
	}
}

func TestField(t *testing.T) {
	const text = "Threads:\t7\nRssAnon:\t  12 kB\nx Threads: 8\nEmpty:\nWord: none\n"
	for label, want := range map[string]int64{"Threads:": 7, "RssAnon:": 12, "Missing:": 0, "Empty:": 0, "Word:": 0} {
		if got := field([]byte(text), label); got != want {
			t.Errorf("%s %d, want %d", label, got, want)
		}
	}
}

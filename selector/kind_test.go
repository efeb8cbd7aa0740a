package selector_test

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"ftpd/selector"
)

var kindNames = map[selector.Kind]string{
	selector.Auto:      "auto",
	selector.Epoll:     "epoll",
	selector.EpollET:   "epoll-et",
	selector.Poll:      "poll",
	selector.Select:    "select",
	selector.Kqueue:    "kqueue",
	selector.EventPort: "eventport",
}

func TestKindNames(t *testing.T) {
	for kind, name := range kindNames {
		if got := kind.String(); got != name {
			t.Errorf("%d is %q, want %q", kind, got, name)
		}
		if got, err := selector.ParseKind(name); got != kind || err != nil {
			t.Errorf("ParseKind(%q) = %v, %v", name, got, err)
		}
	}
	if got := selector.Kind(200).String(); got != "Kind(200)" {
		t.Errorf("unknown kind is %q", got)
	}
	for _, name := range []string{"", "Epoll", "epoll ", "iocp"} {
		if _, err := selector.ParseKind(name); !errors.Is(err, selector.ErrInvalid) {
			t.Errorf("ParseKind(%q): %v, want ErrInvalid", name, err)
		}
	}
}

func TestKinds(t *testing.T) {
	kinds := selector.Kinds()
	bsd := []selector.Kind{selector.Kqueue, selector.Poll, selector.Select}
	want := map[string][]selector.Kind{
		"linux":     {selector.Epoll, selector.EpollET, selector.Poll, selector.Select},
		"darwin":    bsd,
		"dragonfly": bsd,
		"freebsd":   bsd,
		"netbsd":    bsd,
		"openbsd":   bsd,
		"illumos":   {selector.EventPort, selector.Poll},
		"solaris":   {selector.EventPort, selector.Poll},
		"aix":       {selector.Poll},
	}[runtime.GOOS]
	if !slices.Equal(kinds, want) {
		t.Errorf("Kinds is %v, want %v", kinds, want)
	}
	for kind := range kindNames {
		s, err := selector.Open(kind)
		if slices.Contains(kinds, kind) || kind == selector.Auto && len(kinds) > 0 {
			if err != nil {
				t.Errorf("Open(%s): %v", kind, err)
				continue
			}
			if want := kind; kind != selector.Auto && s.Kind() != want {
				t.Errorf("Open(%s) has kind %s", kind, s.Kind())
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		if s != nil || !errors.Is(err, selector.ErrUnsupported) {
			t.Errorf("Open(%s) = %v, %v, want ErrUnsupported", kind, s, err)
		}
	}
}

func TestNewIsBest(t *testing.T) {
	kinds := selector.Kinds()
	s, err := selector.New()
	if len(kinds) == 0 {
		if !errors.Is(err, selector.ErrUnsupported) {
			t.Errorf("New: %v, want ErrUnsupported", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if s.Kind() != kinds[0] {
		t.Errorf("New has kind %s, want %s", s.Kind(), kinds[0])
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestInterestString(t *testing.T) {
	for interest, want := range map[selector.Interest]string{
		0:                                "none",
		selector.Read:                    "read",
		selector.Write:                   "write",
		selector.Read | selector.Write:   "read|write",
		1 << 7:                           "Interest(0x80)",
		selector.Read | selector.Write*2: "Interest(0x5)",
	} {
		if got := interest.String(); got != want {
			t.Errorf("%d is %q, want %q", interest, got, want)
		}
	}
}

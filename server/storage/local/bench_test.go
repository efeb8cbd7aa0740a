//go:build unix

package local

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"ftpd/server/storage"
)

func BenchmarkPut(b *testing.B) {
	content := bytes.Repeat([]byte("x"), 4096)
	for _, options := range []Options{{}, {NoSync: true}} {
		b.Run(fmt.Sprintf("sync=%v", !options.NoSync), func(b *testing.B) {
			s := open(b, b.TempDir(), options)
			check(b, s.Mkdir("d", 0, false))
			b.SetBytes(int64(len(content)))
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				st, err := s.Create(storage.Path(fmt.Sprintf("d/%d", i)), storage.CreateOptions{Size: int64(len(content))})
				check(b, err)
				_, err = st.WriteAt(content, 0)
				check(b, err)
				_, err = st.Commit(storage.Attributes{Mode: 0o644})
				check(b, err)
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, b.TempDir(), Options{NoSync: true})
	st, err := s.Create("d/f", storage.CreateOptions{Parents: true})
	check(b, err)
	buffer := make([]byte, 4096)
	_, err = st.WriteAt(buffer, 0)
	check(b, err)
	_, err = st.Commit(storage.Attributes{})
	check(b, err)
	b.SetBytes(int64(len(buffer)))
	b.ReportAllocs()
	for b.Loop() {
		f, err := s.Open("d/f")
		check(b, err)
		_, err = f.Stat()
		check(b, err)
		_, err = f.ReadAt(buffer, 0)
		check(b, err)
		check(b, f.Close())
	}
}

func BenchmarkStat(b *testing.B) {
	s := open(b, b.TempDir(), Options{NoSync: true})
	check(b, s.Mkdir("a/b/c", 0, true))
	b.ReportAllocs()
	for b.Loop() {
		_, err := s.Stat("a/b/c", true)
		check(b, err)
	}
}

func BenchmarkList(b *testing.B) {
	const entries = 1000
	s := open(b, b.TempDir(), Options{NoSync: true})
	for i := range entries {
		check(b, putting(s, storage.Path(fmt.Sprintf("file%d", i)), storage.CreateOptions{}))
	}
	b.ReportAllocs()
	for b.Loop() {
		l, err := s.List(storage.Root, true)
		check(b, err)
		n := 0
		for {
			if _, err := l.Next(); err == io.EOF {
				break
			}
			n++
		}
		if check(b, l.Close()); n != entries {
			b.Fatalf("%d entries", n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
}

// BenchmarkStoreEach stores what comes of small files in one job.
func BenchmarkStoreEach(b *testing.B) {
	s := open(b, b.TempDir(), Options{NoSync: true})
	files := make([]storage.Whole, 16)
	for i := range files {
		files[i].Content, files[i].Size = make([]byte, 100), 100
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		for i := range files {
			files[i].Path = storage.Path(fmt.Sprintf("%d-%d", n, i))
		}
		for _, stored := range s.StoreEach(files) {
			check(b, stored.Err)
		}
	}
}

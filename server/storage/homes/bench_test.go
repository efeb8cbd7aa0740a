//go:build unix

package homes

import (
	"fmt"
	"testing"

	"ftpd/server/storage"
)

// BenchmarkStoreEach stores what comes of small files in one job; package local has the same
// for a store that knows of no quota.
func BenchmarkStoreEach(b *testing.B) {
	for name, quota := range map[string]Quota{"free": {}, "quota": {Bytes: 1 << 40, Files: 1 << 40}} {
		b.Run(name, func(b *testing.B) {
			s := acquire(b, open(b, b.TempDir(), Options{}), "ann", quota)
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
		})
	}
}

package trial

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// WriteFile writes a new file of size bytes that look random, so that nothing
// on the way can compress or share them. Equal seeds give equal bytes on every
// machine.
func WriteFile(path string, size int64, seed uint64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	_, err = io.CopyBuffer(f, io.LimitReader(rand.NewChaCha8(key), size), make([]byte, 1<<20))
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("sample file: %w", err)
	}
	return nil
}

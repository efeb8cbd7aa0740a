//go:build unix

package local

import (
	"fmt"
	"os"
)

const childVariable = "X"

func child(dir string) { fmt.Println(dir); os.Exit(0) }

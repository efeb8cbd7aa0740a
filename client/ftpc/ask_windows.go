package main

import "os"

func openTTY() (*dialogue, error) {
	in, err := os.OpenFile("CONIN$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	out, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		_ = in.Close() // nothing was read
		return nil, err
	}
	return &dialogue{in: in, out: out}, nil
}

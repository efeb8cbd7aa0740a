package session

// takeSpare takes the last of spare, or makes one: jobs that are used again for the next
// block allocate nothing.
func takeSpare[T any](spare *[]*T) *T {
	last := len(*spare) - 1
	if last < 0 {
		return new(T)
	}
	job := (*spare)[last]
	*spare = (*spare)[:last]
	return job
}

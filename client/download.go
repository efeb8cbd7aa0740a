package client

import (
	"context"
	"errors"
	"io"
	"syscall"

	"ftpd/protocol"
)

// download is a GET into a local file, which may hold a part of it already.
type download struct {
	client *Client
	path   string // on the server
	into   *localFile
	moved  func(int64)
	expect func(int64) // called with how many bytes will come
	shares bool        // other files need the room that a part of one that does not fit takes

	resumed int64 // bytes that need not come again
}

// run gets the file. isLarge says that there may be a part of it.
func (d *download) run(ctx context.Context, isLarge bool) (Result, error) {
	defer d.into.discard()
	g := d.getter()
	if isLarge {
		d.resume(g)
	}
	result, err := g.run(ctx)
	// Before META has come nothing but the version asked for can have changed.
	restarted := d.resumed > 0 && g.w == nil && errors.Is(err, ErrChanged)
	if restarted {
		d.resumed = 0
		result, err = d.getter().run(ctx)
	}
	if err == nil {
		err = d.into.commit(&result)
	} else if errors.Is(err, ErrChanged) || d.shares && isFull(err) {
		d.into.forget()
	}
	if err != nil {
		return Result{}, d.into.resumable(err)
	}
	result.Resumed, result.Restarted = d.resumed, restarted
	return result, nil
}

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func (d *download) getter() *getter {
	return &getter{
		client: d.client, path: d.path, length: protocol.SizeUnknown, moved: d.moved, wrote: d.into.wrote,
		begin: func(info Info, size int64) (io.Writer, error) {
			d.expect(size)
			return d.into.create(d.origin(info))
		},
	}
}

func (d *download) origin(info Info) origin {
	return origin{address: d.client.address, path: d.path, size: info.Size, etag: info.ETag, boot: bootID()}
}

// resume has g go on with what an earlier run left.
func (d *download) resume(g *getter) {
	part, ok := d.into.resume(d.origin(Info{}), &g.tree)
	if !ok {
		return
	}
	d.resumed = int64(g.tree.Size())
	g.next, g.etag = g.tree.Size(), protocol.ETag(part.etag)
	g.begin = func(info Info, size int64) (io.Writer, error) {
		if info.Size != part.size {
			return nil, &Error{Op: "get", Path: d.path, Code: protocol.Changed, Message: "the server sent another version than was asked for"}
		}
		d.expect(size)
		return d.into, nil
	}
}

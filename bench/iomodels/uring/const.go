//go:build linux

package uring

// Numbers of linux/io_uring.h, with the kernel that brought them where that is
// later than io_uring itself (Linux 5.1).
const (
	setupCQSize       = 1 << 3  // IORING_SETUP_CQSIZE, 5.5
	setupSingleIssuer = 1 << 12 // IORING_SETUP_SINGLE_ISSUER, 6.0
	setupDeferTaskrun = 1 << 13 // IORING_SETUP_DEFER_TASKRUN, 6.1

	featureSingleMmap = 1 << 0 // IORING_FEAT_SINGLE_MMAP, 5.4

	offsetRings = 0          // IORING_OFF_SQ_RING
	offsetSQEs  = 0x10000000 // IORING_OFF_SQES

	enterGetEvents = 1 << 0 // IORING_ENTER_GETEVENTS

	registerProbe   = 8  // IORING_REGISTER_PROBE, 5.6
	registerBuffers = 22 // IORING_REGISTER_PBUF_RING, 5.19

	cqeBuffer      = 1 << 0 // IORING_CQE_F_BUFFER
	cqeMore        = 1 << 1 // IORING_CQE_F_MORE
	cqeBufferShift = 16     // IORING_CQE_BUFFER_SHIFT

	probeSupported = 1 << 0 // IO_URING_OP_SUPPORTED
)

// Operations.
const (
	OpAccept = 13 // IORING_OP_ACCEPT, 5.5
	OpCancel = 14 // IORING_OP_ASYNC_CANCEL, 5.5
	OpClose  = 19 // IORING_OP_CLOSE, 5.6
	OpSend   = 26 // IORING_OP_SEND, 5.6
	OpRecv   = 27 // IORING_OP_RECV, 5.6

	opSendZeroCopy = 47 // IORING_OP_SEND_ZC, 6.0
)

// Flags of an SQE.
const (
	AcceptMultishot = 1 << 0 // in Priority: go on accepting, 5.19
	RecvMultishot   = 1 << 1 // in Priority: go on receiving, 6.0
	BufferSelect    = 1 << 5 // in Flags: take a buffer of BufferGroup
)

// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/netip"
	"time"

	siderox509 "github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/protobuf/proto"
)

// Port is where Talos's API listens on every node.
const Port = 50000

const (
	// callTimeout bounds a single call whose context has no earlier deadline: a node that reboots leaves connections
	// behind on which nothing ever arrives.
	callTimeout = 30 * time.Second
	// maxMessage and maxStream bound what one answer can make us hold. A node in maintenance is anybody's.
	maxMessage = 4 << 20
	maxStream  = 16 << 20
	// messageOverhead is what a message of a stream counts even when it is empty, for it takes memory all the same.
	messageOverhead = 256
	// readBuffer is that of one connection, in bytes: gRPC's own is four times as large, and there may be hundreds open.
	readBuffer = 8 << 10
)

// Client speaks to one node, never through another one. Close it after use. Safe for concurrent use.
type Client struct {
	api    *client.Client
	addr   netip.AddrPort
	config *tls.Config // of further connections to the node
}

// DialMaintenance prepares a client for a node in maintenance mode. It speaks only to the machine whose key has the
// fingerprint, as [Probe] reports it; the key changes at every boot, so a client does not outlive one. No packet is
// sent before the first call.
func DialMaintenance(ctx context.Context, addr netip.AddrPort, fingerprint string) (*Client, error) {
	pinned, err := siderox509.ParseFingerprint(fingerprint)
	if err != nil || len(pinned) == 0 {
		return nil, fmt.Errorf("dial %s: fingerprint %q: not a fingerprint", addr, fingerprint)
	}

	return dial(ctx, addr, &tls.Config{
		InsecureSkipVerify: true, //nolint:gosec // the certificate is self-signed; its key is pinned instead
		VerifyConnection:   siderox509.MatchSPKIFingerprints(pinned),
		MinVersion:         tls.VersionTLS13,
	})
}

// Dial prepares a client for a node of our cluster. No packet is sent before the first call.
func Dial(ctx context.Context, addr netip.AddrPort, creds *Credentials) (*Client, error) {
	if creds == nil {
		return nil, fmt.Errorf("dial %s: no credentials are given", addr)
	}

	return dial(ctx, addr, creds.tlsConfig())
}

func dial(ctx context.Context, addr netip.AddrPort, config *tls.Config) (*Client, error) {
	api, err := connect(ctx, addr, config, grpc.WithChainStreamInterceptor(boundStream))
	if err != nil {
		return nil, err
	}

	return &Client{api, addr, config}, nil
}

// connect prepares a connection with further options of gRPC.
func connect(
	ctx context.Context, addr netip.AddrPort, config *tls.Config, more ...grpc.DialOption,
) (*client.Client, error) {
	api, err := client.New(ctx,
		client.WithEndpoints(addr.String()),
		client.WithTLSConfig(config),
		client.WithGRPCDialOptions(append([]grpc.DialOption{
			grpc.WithNoProxy(), // nodes are on our own network, whatever HTTPS_PROXY says
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
			grpc.WithReadBufferSize(readBuffer),
			// gRPC's own back-off grows to two minutes, long after a rebooted node is back.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.5, MaxDelay: 3 * time.Second},
				MinConnectTimeout: 5 * time.Second,
			}),
		}, more...)...))
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}

	return api, nil
}

// Addr is the address the client was made for.
func (c *Client) Addr() netip.AddrPort { return c.addr }

// Close ends the connection. It may be called once.
func (c *Client) Close() error { return c.api.Close() }

// boundStream ends a stream that brings more than maxStream bytes; a snapshot of etcd, which nobody keeps in memory, may
// bring maxSnapshot.
func boundStream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, conn, method, opts...)
	if err != nil {
		return nil, err
	}

	limit := int64(maxStream)
	if method == machine.MachineService_EtcdSnapshot_FullMethodName {
		limit = maxSnapshot
	}

	return &boundedStream{ClientStream: stream, left: limit}, nil
}

type boundedStream struct {
	grpc.ClientStream

	left int64 // bytes that may still come
}

var errTooMuch = errors.New("the node sends more than can be right")

// RecvMsg implements grpc.ClientStream.
func (s *boundedStream) RecvMsg(message any) error {
	if err := s.ClientStream.RecvMsg(message); err != nil {
		return err
	}

	s.left -= messageOverhead
	if sized, ok := message.(proto.Message); ok {
		s.left -= int64(proto.Size(sized))
	}

	if s.left < 0 {
		return errTooMuch
	}

	return nil
}

// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"
	"io"
	"path"
	"sync/atomic"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// tap sits between the collectors of the support library and a node, for what the library leaves to its callers: it ends
// streams that bring too much as if they had ended by themselves, and lets a list fail without the rest.
type tap struct {
	listing atomic.Bool
	missing []Found // what could not be listed
	cut     atomic.Bool
}

func (t *tap) begin()       { t.cut.Store(false) }
func (t *tap) wasCut() bool { return t.cut.Load() }

// unary lets the lists of services and containers fail while collectors are listed.
func (t *tap) unary(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	err := invoke(ctx, method, request, reply, conn, opts...)
	if err == nil || !t.listing.Load() {
		return err
	}

	logs, known := map[string]string{"Containers": "kubernetes-logs", "ServiceList": "service-logs"}[path.Base(method)]
	if !known {
		return err
	}

	t.missing = append(t.missing, Found{Path: logs, Withheld: withheld(err), Err: errors.New(errorText(err))})

	return nil
}

// stream bounds every stream.
func (t *tap) stream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	streamer grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, desc, conn, method, opts...)
	if err != nil {
		return nil, err
	}

	return &tappedStream{ClientStream: stream, tap: t}, nil
}

type tappedStream struct {
	grpc.ClientStream

	tap      *tap
	received int
}

// RecvMsg implements grpc.ClientStream.
func (s *tappedStream) RecvMsg(message any) error {
	if s.received > maxStream {
		s.tap.cut.Store(true)

		return io.EOF
	}

	if err := s.ClientStream.RecvMsg(message); err != nil {
		return err
	}

	// The library prints such errors to standard error, in the node's own words.
	if data, ok := message.(*common.Data); ok && data.GetMetadata().GetError() != "" {
		data.Metadata.Error = ""
	}

	s.received += messageOverhead
	if sized, ok := message.(proto.Message); ok {
		s.received += proto.Size(sized)
	}

	return nil
}

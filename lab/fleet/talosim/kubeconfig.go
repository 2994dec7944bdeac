// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Kubeconfig implements the machine API: a .tar.gz with one file, as Talos packs it.
func (a *api) Kubeconfig(_ *empty, stream grpc.ServerStreamingServer[common.Data]) error {
	boot := a.current()
	if err := boot.checkControlPlane("kubeconfig"); err != nil {
		return err
	}

	if a.Kubernetes == nil {
		return status.Error(codes.FailedPrecondition, "the simulated node leads to no Kubernetes")
	}

	content, err := a.Kubernetes.Kubeconfig(boot.provider.Cluster().Endpoint().String())
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}

	packed, err := pack("kubeconfig", content)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}

	return stream.Send(&common.Data{Bytes: packed})
}

func pack(name string, content []byte) ([]byte, error) {
	var packed bytes.Buffer

	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)

	err := archive.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o600, ModTime: time.Now(),
	})
	if err == nil {
		_, err = archive.Write(content)
	}

	err = errors.Join(err, archive.Close(), zipped.Close())

	return packed.Bytes(), err
}

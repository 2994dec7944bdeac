// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
)

// maxKubeconfig bounds the unpacked file; a real one is 3 KiB.
const maxKubeconfig = 1 << 20

// Kubeconfig fetches an administrator's kubeconfig, whose server is the cluster's endpoint, from a control plane. It
// is made by the node alone and can be had before Kubernetes answers.
func (c *Client) Kubeconfig(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	stream, err := c.api.KubeconfigRaw(ctx)
	if err != nil {
		return nil, c.fail(ctx, "fetch kubeconfig", err, nil)
	}

	data, err := unpackKubeconfig(stream)
	if err := errors.Join(err, stream.Close()); err != nil {
		return nil, c.fail(ctx, "fetch kubeconfig", err, nil)
	}

	return data, nil
}

// unpackKubeconfig reads the one file of a gzipped tar. Talos's own client would unpack without a bound.
func unpackKubeconfig(packed io.Reader) ([]byte, error) {
	unzipped, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}

	archive := tar.NewReader(io.LimitReader(unzipped, 2*maxKubeconfig))
	if _, err := archive.Next(); err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}

	data, err := io.ReadAll(io.LimitReader(archive, maxKubeconfig+1))

	switch {
	case err != nil:
		return nil, fmt.Errorf("unpack: %w", err)
	case len(data) == 0:
		return nil, errors.New("unpack: the kubeconfig is empty")
	case len(data) > maxKubeconfig:
		return nil, errors.New("unpack: the kubeconfig is larger than can be right")
	default:
		return data, nil
	}
}

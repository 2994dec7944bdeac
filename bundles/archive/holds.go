// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"
)

// holdsTimeout bounds the question for one root.
const holdsTimeout = 10 * time.Second

// AbsentError says that the bastion's registry does not have what was loaded into a store: it serves another one.
type AbsentError struct {
	Address string
	Roots   []Root
}

func (e *AbsentError) Error() string {
	return fmt.Sprintf("the registry at %s lacks %s and %d more: it serves another store", e.Address, e.Roots[0], len(e.Roots)-1)
}

// Hint says how to give it what it lacks.
func (e *AbsentError) Hint() string {
	return "start cozy-install bundle serve there again, with --archive and the programs of this version (--controller-binaries), " +
		"or load its store: cozy-install up --archive FILE --registry-store STORE"
}

// rootsAtOnce is how many roots are asked for side by side.
const rootsAtOnce = 8

// Holds asks the registry at an address, in plain HTTP, for roots by their digests. It names all that are missing in an
// *AbsentError, in their order.
func Holds(ctx context.Context, address string, roots []Root) error {
	has := make([]bool, len(roots))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(rootsAtOnce)
	for i, root := range roots {
		group.Go(func() error {
			var err error
			if has[i], err = holds(ctx, address, root); err != nil {
				return fmt.Errorf("ask the registry at %s for %s: %w", address, root, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	missing := &AbsentError{Address: address}
	for i, root := range roots {
		if !has[i] {
			missing.Roots = append(missing.Roots, root)
		}
	}
	if len(missing.Roots) > 0 {
		return missing
	}
	return nil
}

func holds(ctx context.Context, address string, root Root) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, holdsTimeout)
	defer cancel()
	url := "http://" + address + "/v2/" + root.Repository + "/manifests/" + root.Digest.String()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return false, err
	}
	request.Header.Set("Accept", strings.Join([]string{
		string(types.OCIImageIndex), string(types.OCIManifestSchema1), string(types.DockerManifestList), string(types.DockerManifestSchema2),
	}, ", "))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	if err := answer.Body.Close(); err != nil {
		return false, err
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusNotFound:
		return false, nil
	}
	return false, errors.New(answer.Status)
}

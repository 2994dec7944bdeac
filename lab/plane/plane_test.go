// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"testing"
)

func TestPlane(t *testing.T) {
	p := Start(t)
	t.Logf("%+v", p.Timings())
}

// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"fmt"
	"os"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"
)

// headerOnly is how much is kept of frames that are not DHCP: the start of a TFTP or HTTP message, not the kernel.
const headerOnly = 160

// capture records frames into a pcap file. A nil capture records nothing.
type capture struct {
	file    *os.File
	writer  *pcapgo.Writer
	failure error
}

// newCapture makes the file; an empty name gives nil.
func newCapture(name string) (*capture, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("record frames: %w", err)
	}
	c := &capture{file: file, writer: pcapgo.NewWriter(file)}
	return c, c.writer.WriteFileHeader(maxFrame, layers.LinkTypeEthernet)
}

func (c *capture) add(frame []byte, isWhole bool) {
	if c == nil || c.failure != nil {
		return
	}
	kept := frame
	if !isWhole {
		kept = frame[:min(len(frame), headerOnly)]
	}
	info := gopacket.CaptureInfo{Timestamp: time.Now(), CaptureLength: len(kept), Length: len(frame)}
	c.failure = c.writer.WritePacket(info, kept)
}

func (c *capture) close() error {
	if c == nil {
		return nil
	}
	if err := c.file.Close(); err != nil {
		return err
	}
	return c.failure
}

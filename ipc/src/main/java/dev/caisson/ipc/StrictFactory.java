package dev.caisson.ipc;

import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.io.IOContext;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.JsonRecyclerPools;

/// Creates parsers that accept only UTF-8. Jackson's own parsers would guess the encoding.
final class StrictFactory extends JsonFactory {
  private static final long serialVersionUID = 1;

  StrictFactory(Limits limits) {
    super(
        builder()
            .recyclerPool(JsonRecyclerPools.threadLocalPool())
            .streamReadConstraints(
                StreamReadConstraints.builder()
                    .maxNestingDepth(limits.depth())
                    .maxNumberLength(limits.numberLength())
                    .maxStringLength(limits.messageBytes())
                    .maxNameLength(Math.min(limits.messageBytes(), Limits.LONGEST_NAME))
                    .maxDocumentLength(-1)
                    .maxTokenCount(limits.tokens())
                    .build())
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            // The caller closes the stream.
            .disable(StreamWriteFeature.AUTO_CLOSE_TARGET));
  }

  StrictParser parser(byte[] text) {
    return (StrictParser) createParser(ObjectReadContext.empty(), text);
  }

  @Override
  protected JsonParser _createParser(
      ObjectReadContext context, IOContext io, byte[] text, int offset, int length) {
    return new StrictParser(
        context,
        io,
        context.getStreamReadFeatures(_streamReadFeatures),
        context.getFormatReadFeatures(_formatReadFeatures),
        _byteSymbolCanonicalizer.makeChildOrPlaceholder(_factoryFeatures),
        text,
        offset,
        offset + length);
  }
}

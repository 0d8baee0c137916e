package dev.caisson.cli.service;

import dev.caisson.service.MessageEvent.Direction;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;

/// Formats a message that is passed on: its time, direction, JSON and number of descriptors.
public final class PassingLine {
  private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("HH:mm:ss.SSSSSS");
  private static final int LONGEST = 2000;

  private PassingLine() {}

  public static String of(Direction direction, String json, int descriptors) {
    var arrow =
        switch (direction) {
          case TO_SERVICE -> "->";
          case TO_HOST -> "<-";
        };
    var shown =
        json.length() > LONGEST
            ? "%s... (%d characters)".formatted(json.substring(0, LONGEST), json.length())
            : json;
    var with = descriptors == 0 ? "" : " + " + descriptors + " fd";
    return "%s %s %s%s"
        .formatted(TIME.format(LocalTime.now(ZoneId.systemDefault())), arrow, shown, with);
  }
}

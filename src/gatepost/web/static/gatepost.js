// What pages can do beyond HTML where scripts run. Without it every page still works.
"use strict";

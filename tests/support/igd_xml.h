/** What routers write, for tests: a description of an IGD 2 and of an IGD 1, answers to orders. */
#pragma once

#define IGD_XML_SERVICE(type, control)                                                             \
    "<service><serviceType>urn:schemas-upnp-org:service:" type "</serviceType>"                    \
    "<serviceId>urn:upnp-org:serviceId:x</serviceId><controlURL>" control "</controlURL>"          \
    "<eventSubURL>/evt</eventSubURL><SCPDURL>/x.xml</SCPDURL></service>"

#define IGD_XML_DEVICE(base, services)                                                             \
    "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">" base               \
    "<device><deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:1</deviceType>"         \
    "<serviceList>" IGD_XML_SERVICE(                                                               \
        "Layer3Forwarding:1",                                                                      \
        "/ctl/L3F") "</serviceList>"                                                               \
                    "<deviceList><device><deviceType>urn:schemas-upnp-org:device:WANDevice:1</"    \
                    "deviceType>"                                                                  \
                    "<serviceList>" IGD_XML_SERVICE(                                               \
                        "WANCommonInterfaceConfig:1",                                              \
                        "/ctl/CmnIfCfg") "</serviceList><deviceList><device>"                      \
                                         "<deviceType>urn:schemas-upnp-org:device:"                \
                                         "WANConnectionDevice:1</"                                 \
                                         "deviceType><serviceList>" services                       \
                                         "</serviceList></device></deviceList></device></"         \
                                         "deviceList></device></root>\n"

#define IGD_XML_V1 IGD_XML_DEVICE("", IGD_XML_SERVICE("WANIPConnection:1", "/ctl/IPConn"))
#define IGD_XML_V2 IGD_XML_DEVICE("", IGD_XML_SERVICE("WANIPConnection:2", "/ctl/IPConn"))

#define IGD_XML_BODY(content)                                                                      \
    "<?xml version=\"1.0\"?>\r\n"                                                                  \
    "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>" content           \
    "</s:Body></s:Envelope>\r\n"
#define IGD_XML_ADDRESS(ip)                                                                        \
    IGD_XML_BODY("<u:GetExternalIPAddressResponse xmlns:u=\"urn:x\"><NewExternalIPAddress>" ip     \
                 "</NewExternalIPAddress></u:GetExternalIPAddressResponse>")
#define IGD_XML_ADDED IGD_XML_BODY("<u:AddPortMappingResponse xmlns:u=\"urn:x\"/>")
#define IGD_XML_ADDED_AT(port)                                                                     \
    IGD_XML_BODY("<u:AddAnyPortMappingResponse xmlns:u=\"urn:x\"><NewReservedPort>" port           \
                 "</NewReservedPort></u:AddAnyPortMappingResponse>")
#define IGD_XML_FAULT(code)                                                                        \
    IGD_XML_BODY("<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring>"    \
                 "<detail><UPnPError xmlns=\"urn:schemas-upnp-org:control-1-0\"><errorCode>" code  \
                 "</errorCode><errorDescription>x</errorDescription></UPnPError></detail>"         \
                 "</s:Fault>")
